// SPDX-License-Identifier: BSL-1.0
#include "penstock/state/describe.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/describe/class.hpp>

#include "catch.hpp"

using namespace penstock;
using namespace penstock::test;

namespace {

struct Party {
  std::string name;
};
BOOST_DESCRIBE_STRUCT(Party, (), (name))

class Account : public Party {
 public:
  Account() = default;
  Account(std::string called, int cents) : Party{std::move(called)}, cents_(cents) {}
  int cents() const { return cents_; }

 private:
  int cents_ = 0;
  std::vector<double> rates_{0.5};
  BOOST_DESCRIBE_CLASS(Account, (Party), (), (), (cents_, rates_))
};
/// What the program had before: the same types under other names.
class Before : public Party {
  int euros_ = 3;
  std::vector<double> rates_;
  BOOST_DESCRIBE_CLASS(Before, (Party), (), (), (euros_, rates_))
};

template <class T>
std::string saved(const T& value) {
  StateWriter to;
  to.put(value);
  return to.take();
}

}  // namespace

template <>
struct penstock::Codec<Account> : penstock::DescribedCodec<Account, 2> {};
template <>
struct penstock::Codec<Before> : penstock::DescribedCodec<Before, 2> {
  static constexpr std::string_view name = "Account";
};

TEST_CASE("a described class comes back with its private members and those of its bases") {
  const std::vector<Account> accounts{{"one", 1}, {"two", -2}};
  const std::string bytes = saved(accounts);
  StateReader from{bytes};
  const auto again = from.get<std::vector<Account>>();
  from.end();
  REQUIRE(again.size() == 2);
  REQUIRE(again[1].name == "two");
  REQUIRE(again[1].cents() == -2);
  REQUIRE(saved(again) == bytes);
}

TEST_CASE("members that have other names are refused") {
  const std::string bytes = saved(Before{});
  StateReader from{bytes};
  REQUIRE_THROWS_WITH(from.get<Account>(),
                      "the state cannot be restored: it holds a Account v2{name:string,euros_:i32,rates_:vector<f64>}, and the program "
                      "reads a Account v2{name:string,cents_:i32,rates_:vector<f64>}");
}

TEST_CASE("an older version of a described class is refused") {
  std::string bytes = saved(Account{});
  bytes[bytes.find("Account v2") + 9] = '1';
  StateReader from{bytes};
  REQUIRE_THROWS_WITH(from.get<Account>(), containing("version 1 of its type is not read any more"));
}
