// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <exception>
#include <utility>

#include "penstock/core/receipt.hpp"
#include "penstock/core/ring.hpp"

namespace penstock::detail {

/// Receipts of barriers that wait in a sink until all it had taken before them is through, by a number that only grows:
/// of bytes, or of elements.
class Milestones {
 public:
  /// A receipt for when `number` is reached; null when it is.
  Pending* at(std::uint64_t number, std::uint64_t reached, Strand& strand, Info& info) {
    if (reached >= number) return nullptr;
    return open_.push(Stone{number, Receipt::waiting(strand, &info, Why::sink)}).receipt.share();
  }
  void reached(std::uint64_t number) noexcept {
    while (!open_.empty() && open_.front().number <= number) open_.pop().receipt.settle();
  }
  void fail(const std::exception_ptr& error) noexcept {
    while (!open_.empty()) open_.pop().receipt.settle(error);
  }

 private:
  struct Stone {
    std::uint64_t number;
    Receipt receipt;
  };
  Ring<Stone> open_;
};

}  // namespace penstock::detail
