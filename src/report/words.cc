// SPDX-License-Identifier: Apache-2.0
#include "report/words.h"

#include <algorithm>
#include <array>
#include <set>

#include "base/error.h"
#include "report/words_details.h"
#include "report/words_findings.h"
#include "report/words_page.h"

namespace ferry::report {

namespace {

constexpr size_t kWords = static_cast<size_t>(Word::kCount);

constexpr bool complete(const std::array<Entry, kWords>& catalogue) {
  for (size_t i = 0; i < kWords; ++i) {
    if (static_cast<size_t>(catalogue[i].key) != i) return false;
    if (catalogue[i].en.empty() || catalogue[i].zh.empty()) return false;
  }
  return true;
}

constexpr size_t occurrences(std::string_view text, std::string_view what) {
  size_t count = 0;
  for (size_t at = text.find(what); at != text.npos; at = text.find(what, at + 1)) ++count;
  return count;
}

// Every "{…}" of either is in the other as often.
constexpr bool same_placeholders(const std::array<Entry, kWords>& catalogue) {
  for (const Entry& entry : catalogue) {
    for (const std::string_view text : {entry.en, entry.zh}) {
      for (size_t at = text.find('{'); at != text.npos; at = text.find('{', at + 1)) {
        const std::string_view placeholder = text.substr(at, text.find('}', at) + 1 - at);
        if (occurrences(entry.en, placeholder) != occurrences(entry.zh, placeholder)) return false;
      }
    }
  }
  return true;
}

constexpr std::array<Entry, kWords> joined() {
  static_assert(
      std::size(kPageWords) + std::size(kDetailWords) + std::size(kFindingWords) == kWords,
      "a word is missing in the catalogue");
  std::array<Entry, kWords> all{};
  auto* next = std::copy(std::begin(kPageWords), std::end(kPageWords), all.data());
  next = std::copy(std::begin(kDetailWords), std::end(kDetailWords), next);
  std::copy(std::begin(kFindingWords), std::end(kFindingWords), next);
  return all;
}

constexpr std::array<Entry, kWords> kCatalogue = joined();
static_assert(complete(kCatalogue), "the catalogue is not in the order of Word, or has a gap");
static_assert(same_placeholders(kCatalogue), "the languages differ in a placeholder");

struct Name {
  NameOf of;
  std::string_view name;
  Word word;
};

constexpr Name kNames[] = {
    {NameOf::kResult, "moved", Word::kResultMoved},
    {NameOf::kResult, "failed", Word::kResultFailed},
    {NameOf::kResult, "refused", Word::kResultRefused},
    {NameOf::kResult, "cancelled", Word::kResultCancelled},
    {NameOf::kResult, "in-doubt", Word::kResultInDoubt},
    {NameOf::kPhase, "prepare", Word::kPhasePrepare},
    {NameOf::kPhase, "copy", Word::kPhaseCopy},
    {NameOf::kPhase, "freeze", Word::kPhaseFreeze},
    {NameOf::kPhase, "dump", Word::kPhaseDump},
    {NameOf::kPhase, "send", Word::kPhaseSend},
    {NameOf::kPhase, "restore", Word::kPhaseRestore},
    {NameOf::kPhase, "commit", Word::kPhaseCommit},
    {NameOf::kPhase, "resume", Word::kPhaseResume},
    {NameOf::kPhase, "settle", Word::kPhaseSettle},
    {NameOf::kPhase, "bury", Word::kPhaseBury},
    {NameOf::kError, "refused", Word::kErrorRefused},
    {NameOf::kError, "reset", Word::kErrorReset},
    {NameOf::kError, "timeout", Word::kErrorTimeout},
    {NameOf::kError, "wrong_answer", Word::kErrorWrongAnswer},
    {NameOf::kError, "overflow", Word::kErrorOverflow},
    {NameOf::kError, "other", Word::kErrorOther},
};

}  // namespace

std::string_view word(Language language, Word key) {
  const Entry& entry = kCatalogue.at(static_cast<size_t>(key));
  return language == Language::kChinese ? entry.zh : entry.en;
}

std::string name_word(Language language, NameOf of, std::string_view name) {
  const auto* found = std::ranges::find_if(
      kNames, [&](const Name& known) { return known.of == of && known.name == name; });
  return std::string(found == std::end(kNames) ? name : word(language, found->word));
}

Language parse_language(std::string_view name) {
  if (name == "en") return Language::kEnglish;
  if (name == "zh") return Language::kChinese;
  throw base::Error({fmt::format("cannot write a report in the language \"{}\"", name), "",
                     "give en (English) or zh (Chinese)", "", ""},
                    base::Exit::kUsage);
}

std::string_view name_of(Language language) { return language == Language::kChinese ? "zh" : "en"; }

}  // namespace ferry::report
