// SPDX-License-Identifier: Apache-2.0
//
// That the catalogue is complete and its languages agree on placeholders is checked when it is
// compiled (words.cc); here, what a compiler cannot see.
#include "report/words.h"

#include <gtest/gtest.h>

#include <cctype>

#include "base/error.h"

namespace ferry::report {
namespace {

bool has_han(std::string_view text) {
  // U+4E00 to U+9FFF are E4 B8 80 to E9 BF BF.
  for (size_t i = 0; i + 2 < text.size(); ++i) {
    const auto lead = static_cast<unsigned char>(text[i]);
    if (lead >= 0xE4 && lead <= 0xE9 && static_cast<unsigned char>(text[i + 1]) >= 0x80)
      return true;
  }
  return false;
}

// Outside of its placeholders.
bool has_letters(std::string_view text) {
  bool inside = false;
  for (const char c : text) {
    if (c == '{') inside = true;
    if (c == '}') inside = false;
    if (!inside && std::isalpha(static_cast<unsigned char>(c))) return true;
  }
  return false;
}

TEST(Words, EachLanguageIsWrittenInItself) {
  int same = 0;
  for (int i = 0; i < static_cast<int>(Word::kCount); ++i) {
    const auto key = static_cast<Word>(i);
    const std::string_view en = word(Language::kEnglish, key), zh = word(Language::kChinese, key);
    EXPECT_FALSE(has_han(en)) << en;
    if (en == zh) {
      ++same;  // a name, or punctuation
    } else if (has_letters(en)) {
      EXPECT_TRUE(has_han(zh)) << zh;
    }
  }
  EXPECT_LE(same, 3);
}

TEST(Words, EverySentenceTakesItsNumbers) {
  for (int i = 0; i < static_cast<int>(Word::kCount); ++i) {
    const auto key = static_cast<Word>(i);
    if (key == Word::kReadoutTimeline) continue;  // the page's script fills it in
    for (const Language language : {Language::kEnglish, Language::kChinese}) {
      const std::string text =
          words(language, key, "<a>", "<b>", "<c>", "<d>", "<e>", "<f>", "<g>");
      EXPECT_EQ(text.find('{'), text.npos) << text;
    }
  }
}

TEST(Words, NamesOfFerryAreTranslatedAndOthersKept) {
  EXPECT_EQ(name_word(Language::kEnglish, NameOf::kResult, "in-doubt"), "in doubt");
  EXPECT_EQ(name_word(Language::kChinese, NameOf::kPhase, "freeze"), "冻结");
  EXPECT_NE(name_word(Language::kChinese, NameOf::kResult, "refused"),
            name_word(Language::kChinese, NameOf::kError, "refused"));
  EXPECT_EQ(name_word(Language::kChinese, NameOf::kPhase, "docker start"), "docker start");
}

TEST(Words, KnowsTwoLanguages) {
  EXPECT_EQ(parse_language("zh"), Language::kChinese);
  EXPECT_EQ(name_of(parse_language("en")), "en");
  EXPECT_THROW(parse_language("de"), base::Error);
}

}  // namespace
}  // namespace ferry::report
