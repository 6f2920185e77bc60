// SPDX-License-Identifier: BSL-1.0
#include "counting/counting.hpp"

#include <map>
#include <stdexcept>
#include <utility>

#include <penstock/core.hpp>

namespace counting {

struct Words::Pipeline {
  penstock::Stream<std::string> words;
  std::map<std::string, std::size_t> counts;
};

Words::Words() : pipeline_(std::make_unique<Pipeline>()) {
  pipeline_->words
      .tap([](const std::string& word) {
        if (word.empty()) throw std::invalid_argument("add: a word has letters");
      })
      .sink([this](const std::string& word) { ++pipeline_->counts[word]; });
}
Words::~Words() = default;

void Words::add(std::string word) { pipeline_->words.emit(std::move(word)); }

std::size_t Words::count(const std::string& word) const {
  const auto found = pipeline_->counts.find(word);
  return found == pipeline_->counts.end() ? 0 : found->second;
}

}  // namespace counting
