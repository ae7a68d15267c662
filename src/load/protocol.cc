// SPDX-License-Identifier: Apache-2.0
#include "load/protocol.h"

#include "load/http_codec.h"
#include "load/redis.h"

namespace ferry::load {

std::vector<std::unique_ptr<Codec>> make_codecs(const Target& target, const CodecOptions& options,
                                                size_t count) {
  std::vector<std::unique_ptr<Codec>> codecs;
  codecs.reserve(count);
  if (target.scheme == Scheme::kRedis) {
    const auto plan = std::make_shared<const RedisPlan>(target, options.counter);
    while (codecs.size() < count) codecs.push_back(std::make_unique<RedisCodec>(plan));
    return codecs;
  }
  const std::string request = http_request(target, options.keep_alive);
  const bool keep_body = options.keep_body || options.counter;
  while (codecs.size() < count) codecs.push_back(std::make_unique<HttpCodec>(request, keep_body));
  return codecs;
}

}  // namespace ferry::load
