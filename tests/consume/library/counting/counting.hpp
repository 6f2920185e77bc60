// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memory>
#include <string>

namespace counting {

#define COUNTING_EXPORT [[gnu::visibility("default")]]

/// How often each word came.
class COUNTING_EXPORT Words {
 public:
  Words();
  ~Words();
  void add(std::string word);
  std::size_t count(const std::string& word) const;

 private:
  struct Pipeline;
  std::unique_ptr<Pipeline> pipeline_;
};

}  // namespace counting
