// SPDX-License-Identifier: Apache-2.0
//
// Both ways between structs and JSON from one list of fields per struct:
//
//     void fields(auto& archive, Is<Phase> auto& phase) { archive("name", phase.name); … }
//
// so that what is written can always be read. The reader trusts nothing: every complaint names the
// place ("moves[3].steps is not a whole number"). Times are written to 1 µs; what is behind that is
// noise.
#pragma once

#include <fmt/format.h>

#include <cmath>
#include <concepts>
#include <cstdint>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace ferry::report {

template <typename T, typename Struct>
concept Is = std::same_as<std::remove_const_t<T>, Struct>;

// Thrown by the reader with the whole sentence; from_json() makes an Error of it.
struct Unreadable {
  std::string why;
};

class JsonWriter {
 public:
  explicit JsonWriter(nlohmann::ordered_json& out) : out_(out) {
    out_ = nlohmann::ordered_json::object();
  }

  template <typename T>
  void operator()(std::string_view key, const T& value) {
    out_[std::string(key)] = json_of(value, key == "ms" || key.ends_with("_ms"));
  }
  // Not written when there is none.
  template <typename T>
  void if_any(std::string_view key, const std::optional<T>& value) {
    if (value) (*this)(key, *value);
  }
  template <typename T>
  void if_any(std::string_view key, const T& container) {
    if (!container.empty()) (*this)(key, container);
  }
  void group(std::string_view key, const auto& inner) {
    nlohmann::ordered_json object;
    JsonWriter writer(object);
    inner(writer);
    if (!object.empty()) out_[std::string(key)] = std::move(object);
  }

  template <typename T>
  static nlohmann::ordered_json json_of(const T& value, bool is_time = false) {
    if constexpr (std::same_as<T, double>) {
      return is_time ? std::round(value * 1000) / 1000 : value;
    } else if constexpr (std::constructible_from<nlohmann::ordered_json, T>) {
      return value;
    } else {
      return composed(value, is_time);
    }
  }

 private:
  template <typename T>
  static nlohmann::ordered_json composed(const std::optional<T>& value, bool is_time) {
    return value ? json_of(*value, is_time) : nlohmann::ordered_json();
  }
  template <typename T>
  static nlohmann::ordered_json composed(const std::vector<T>& values, bool is_time) {
    auto out = nlohmann::ordered_json::array();
    for (const T& value : values) out.push_back(json_of(value, is_time));
    return out;
  }
  template <typename T>
  static nlohmann::ordered_json composed(const T& object, bool) {
    nlohmann::ordered_json out;
    JsonWriter writer(out);
    fields(writer, object);
    return out;
  }

  nlohmann::ordered_json& out_;
};

class JsonReader {
 public:
  JsonReader(const nlohmann::ordered_json& json, std::string where)
      : json_(json), where_(std::move(where)) {}

  // The key must be there.
  template <typename T>
  void operator()(std::string_view key, T& value) const {
    const auto* found = find(key);
    if (!found) complain(key, "is missing");
    JsonReader(*found, path(key)).into(value);
  }
  template <typename T>
  void operator()(std::string_view key, std::optional<T>& value) const {
    if (const auto* found = find(key)) JsonReader(*found, path(key)).into(value);
  }
  // It may be missing.
  template <typename T>
  void if_any(std::string_view key, T& value) const {
    if (const auto* found = find(key)) JsonReader(*found, path(key)).into(value);
  }
  void group(std::string_view key, const auto& inner) const {
    if (const auto* found = find(key)) {
      JsonReader reader(*found, path(key));
      reader.must(found->is_object(), "is not an object");
      inner(reader);
    }
  }

  void into(std::string& value) const {
    must(json_.is_string(), "is not a text");
    value = json_.get<std::string>();
  }
  void into(bool& value) const {
    must(json_.is_boolean(), "is neither true nor false");
    value = json_.get<bool>();
  }
  void into(double& value) const {
    must(json_.is_number(), "is not a number");
    value = json_.get<double>();
    must(std::isfinite(value), "is not a finite number");
  }
  template <std::integral T>
  void into(T& value) const {
    must(json_.is_number_integer(), "is not a whole number");
    if (json_.is_number_unsigned()) {
      must(std::in_range<T>(json_.get<uint64_t>()), "is too large");
      value = static_cast<T>(json_.get<uint64_t>());
    } else {
      must(std::in_range<T>(json_.get<int64_t>()), "is negative, or too small");
      value = static_cast<T>(json_.get<int64_t>());
    }
  }
  template <typename T>
  void into(std::optional<T>& value) const {
    if (json_.is_null()) return value.reset();
    into(value.emplace());
  }
  template <typename T>
  void into(std::vector<T>& values) const {
    must(json_.is_array(), "is not a list");
    values.clear();
    values.reserve(json_.size());
    for (size_t i = 0; i < json_.size(); ++i) {
      JsonReader(json_[i], fmt::format("{}[{}]", where_, i)).into(values.emplace_back());
    }
  }
  template <typename A, typename B>
  void into(std::pair<A, B>& pair) const {
    must(json_.is_array() && json_.size() == 2, "is not a pair");
    JsonReader(json_[0], where_ + "[0]").into(pair.first);
    JsonReader(json_[1], where_ + "[1]").into(pair.second);
  }
  template <typename T>
  void into(std::map<std::string, T>& values) const {
    must(json_.is_object(), "is not an object");
    values.clear();
    for (const auto& [key, value] : json_.items()) JsonReader(value, path(key)).into(values[key]);
  }
  template <typename T>
  requires requires(JsonReader& reader, T& object) { fields(reader, object); }
  void into(T& object) const {
    must(json_.is_object(), "is not an object");
    fields(*this, object);
  }

  void must(bool holds, std::string_view complaint) const {
    if (!holds) throw Unreadable{fmt::format("{} {}", where_.empty() ? "it" : where_, complaint)};
  }

 private:
  const nlohmann::ordered_json* find(std::string_view key) const {
    const auto found = json_.find(std::string(key));
    return found == json_.end() ? nullptr : &*found;
  }
  std::string path(std::string_view key) const {
    return where_.empty() ? std::string(key) : fmt::format("{}.{}", where_, key);
  }
  [[noreturn]] void complain(std::string_view key, std::string_view complaint) const {
    throw Unreadable{fmt::format("{} {}", path(key), complaint)};
  }

  const nlohmann::ordered_json& json_;
  std::string where_;
};

}  // namespace ferry::report
