# SPDX-License-Identifier: Apache-2.0
#
# Prints the tables of nf_tables in this network namespace, one a line: "FAMILY NAME". (The hosts have no nft.)
import socket
import struct

NETLINK_NETFILTER = 12
NLM_F_REQUEST, NLM_F_DUMP = 0x1, 0x300
NLMSG_ERROR, NLMSG_DONE = 2, 3
GET_TABLE = 10 << 8 | 1  # NFNL_SUBSYS_NFTABLES, NFT_MSG_GETTABLE
NFTA_TABLE_NAME = 1


def aligned(size):
    return size + 3 & ~3


def name_in(attributes):
    while len(attributes) >= 4:
        size, kind = struct.unpack("=HH", attributes[:4])
        if kind & 0x3FFF == NFTA_TABLE_NAME:
            return attributes[4:size].rstrip(b"\0").decode()
        attributes = attributes[aligned(size):]
    return "?"


def main():
    kernel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
    kernel.bind((0, 0))
    kernel.send(struct.pack("=IHHII", 20, GET_TABLE, NLM_F_REQUEST | NLM_F_DUMP, 1, 0) + bytes(4))
    while True:
        answer = kernel.recv(1 << 16)
        while answer:
            size, kind = struct.unpack("=IH", answer[:6])
            if kind == NLMSG_DONE:
                return
            if kind == NLMSG_ERROR:
                raise OSError(-struct.unpack("=i", answer[16:20])[0], "nf_tables")
            print(answer[16], name_in(answer[20:size]))
            answer = answer[aligned(size):]


main()
