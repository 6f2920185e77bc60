// SPDX-License-Identifier: BSL-1.0
// What operators can remember across a restart: what has a codec, and how to write one.
#include <penstock/state/codec.hpp>
#include <penstock/state/describe.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <fmt/core.h>

// An aggregate of things that can be saved can be saved.
struct Sale {
  std::string brand;
  double price = 0;
  std::optional<std::int32_t> rebate;
};

// A class with members of its own says how. Version 1 had whole euros, in 32 bits.
class Account {
 public:
  explicit Account(std::int64_t cents) : cents_(cents) {}
  std::int64_t cents() const { return cents_; }

 private:
  std::int64_t cents_;
};

template <>
struct penstock::Codec<Account> {
  static constexpr std::uint32_t version = 2;
  static void write(StateWriter& to, const Account& account) { to.put(account.cents()); }
  static Account read(StateReader& from, std::uint32_t saved_by) {
    if (saved_by == 1) return Account{100 * from.get<std::int32_t>()};
    return Account{from.get<std::int64_t>()};
  }
};

// Or Boost.Describe does.
class Visit {
  std::string page_;
  std::uint32_t seconds_ = 0;
  BOOST_DESCRIBE_CLASS(Visit, (), (), (), (page_, seconds_))
};

template <>
struct penstock::Codec<Visit> : penstock::DescribedCodec<Visit> {};

static_assert(!penstock::has_codec<Sale*>);  // what a pointer means does not outlive a process

int main() {
  fmt::print("{}\n", penstock::type_signature<std::vector<Sale>>());
  fmt::print("{}\n", penstock::type_signature<std::map<std::string, Account>>());
  fmt::print("{}\n", penstock::type_signature<std::optional<Visit>>());

  penstock::StateWriter writer;
  writer.put(std::map<std::string, Account>{{"ada", Account{250}}, {"bob", Account{-5}}});
  const std::string bytes = writer.take();

  penstock::StateReader reader{bytes};
  for (const auto& [name, account] : reader.get<std::map<std::string, Account>>()) fmt::print("{}: {}\n", name, account.cents());

  try {
    penstock::StateReader other{bytes, "'accounts' (accumulate)"};
    other.get<std::map<std::string, double>>();
  } catch (const penstock::StateError& error) {
    fmt::print("{}\n", error.what());
  }
}
