// SPDX-License-Identifier: Apache-2.0
#include "transport/ssh_errors.h"

#include <fmt/format.h>

#include <array>
#include <vector>

namespace ferry::transport {
namespace {

constexpr size_t kQuotedLines = 3,
                 kQuotedBytes = 400;  // the end says what went wrong, the start is banners

struct Cause {
  std::string_view mark;  // in what ssh says (OpenSSH, LC_ALL=C)
  std::string_view why;   // {0}: user@host, {1}: host
  std::string_view remedy;
};

// The first that matches: a changed key is followed by "verification failed", too.
constexpr std::array kCauses = {
    Cause{"HOST IDENTIFICATION HAS CHANGED", "its host key is not the one that ssh knows",
          "make sure that it is the right host, then `ssh-keygen -R {1}` and log in once by hand"},
    Cause{"Host key verification failed", "ssh does not know its host key yet",
          "log in once by hand with `ssh {0}`, or give --ssh-option "
          "StrictHostKeyChecking=accept-new"},
    Cause{"Could not resolve hostname", "no host of that name is known",
          "check the name, or use an address or an alias of ~/.ssh/config"},
    Cause{"Permission denied", "it does not let us in with the keys we have",
          "try `ssh {0}`; ferry cannot ask for a password: use ssh-copy-id or an agent"},
    Cause{"Too many authentication failures", "it does not let us in with the keys we have",
          "name the key with --ssh-option IdentityFile=FILE --ssh-option IdentitiesOnly=yes"},
    Cause{"Connection refused", "no SSH server listens there",
          "start sshd on it, or give its port with --ssh-option Port=N"},
    Cause{"No route to host", "there is no way to it in the network",
          "check that it is up and routed"},
    Cause{"Network is unreachable", "there is no way to it in the network",
          "check this host's own network"},
    Cause{"timed out", "it does not answer",
          "check that it is up and that no firewall is in the way"},
    Cause{"Bad configuration option", "ssh does not take one of its options",
          "check --ssh-option and ~/.ssh/config"},
};

bool has(std::string_view text, std::string_view part) { return text.find(part) != text.npos; }

base::Error explain(std::string what, std::string why, std::string_view errors, std::string remedy,
                    base::Exit exit = base::Exit::kFailed) {
  const std::string quoted = quote_errors(errors);
  if (!quoted.empty()) why += fmt::format(" (it said: {})", quoted);
  return base::Error({std::move(what), std::move(why), std::move(remedy), {}, {}}, exit);
}

std::string cannot_reach(const Destination& destination) {
  return fmt::format("cannot reach {} by ssh", destination.text());
}

}  // namespace

std::string quote_errors(std::string_view errors) {
  std::vector<std::string> lines(1);
  for (const char c : errors) {
    if (c == '\n') {
      if (!lines.back().empty()) lines.emplace_back();
    } else if (static_cast<unsigned char>(c) >= ' ' && c != '\x7f') {
      lines.back() += c;
    }
  }
  if (lines.back().empty()) lines.pop_back();
  std::string quoted;
  for (size_t i = lines.size() > kQuotedLines ? lines.size() - kQuotedLines : 0; i < lines.size();
       ++i) {
    quoted += (quoted.empty() ? "" : " / ") + lines[i];
  }
  if (quoted.size() > kQuotedBytes) quoted = "…" + quoted.substr(quoted.size() - kQuotedBytes);
  return quoted;
}

base::Error explain_ssh_exit(const Destination& destination, std::optional<int> exit_code,
                             std::string_view errors) {
  if (exit_code == 255) {
    for (const Cause& cause : kCauses) {
      if (!has(errors, cause.mark)) continue;
      return explain(cannot_reach(destination), std::string(cause.why), errors,
                     fmt::format(fmt::runtime(cause.remedy), destination.text(), destination.host));
    }
    return explain(cannot_reach(destination), "ssh failed", errors,
                   fmt::format("try `ssh {}`", destination.text()));
  }
  if (errors.starts_with("ferry: ") || has(errors, "\nferry: ")) {
    return explain(fmt::format("ferry on {} ended before it was ready", destination.host),
                   "it could not start receiving", errors, "");
  }
  const std::string ended =
      exit_code ? fmt::format("it ended with code {}", *exit_code) : "it hung up";
  return explain(fmt::format("the login shell on {} did not run ferry", destination.host), ended,
                 errors, fmt::format("`ssh {} echo hello` must print hello", destination.text()));
}

base::Error explain_script_failure(const Destination& destination, std::string_view line,
                                   std::string_view errors) {
  const auto space = line.find(' ');
  const std::string_view word = space == line.npos ? "" : line.substr(space + 1);
  if (word == "protocol") {
    const bool foreign = has(errors, "Exec format error");
    return explain(fmt::format("the copy of ferry does not run on {}", destination.host),
                   foreign ? "it is built for another kind of processor"
                           : "it does not answer with our protocol",
                   errors, "install ferry there (the same version as here)");
  }
  const std::string what = fmt::format("cannot copy ferry to {}", destination.host);
  if (has(errors, "No space left on device") || has(errors, "quota exceeded")) {
    return explain(what, "there is no space for it in ~/.cache/ferry", errors,
                   "make room there, or install ferry");
  }
  if (word == "directory") {
    return explain(what, "its cache directory cannot be made", errors,
                   "make ~/.cache writable there, or install ferry");
  }
  return explain(what, "it could not be unpacked", errors, "install ferry there");
}

base::Error explain_silence(const Destination& destination, Said said, std::string_view errors) {
  if (said == Said::kWoken)
    return base::Error({"cancelled", "", "", {}, {}}, base::Exit::kCancelled);
  const std::string what = fmt::format("ferry on {} does not answer", destination.host);
  if (said == Said::kNothing) {
    return explain(what, "its login shell writes a lot, and ferry's line is not in it", errors,
                   "keep shell start-up files silent when there is no terminal");
  }
  return explain(what, "no answer in time", errors,
                 fmt::format("`ssh {} echo hello` must print hello", destination.text()));
}

}  // namespace ferry::transport
