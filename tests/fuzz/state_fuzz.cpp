// SPDX-License-Identifier: BSL-1.0
// Bytes of any kind are refused as state and as a snapshot, or are one: saved again it is read again as the same.
#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "fuzz/fuzz.hpp"
#include "penstock/state/snapshot.hpp"

using namespace penstock;
using namespace penstock::test;

namespace {

struct Tree {
  int value = 0;
  std::vector<Tree> children;
};
struct Sale {
  std::string brand;
  double price = 0;
  std::optional<bool> returned;
};

}  // namespace

template <>
struct penstock::Codec<Tree> {
  static constexpr std::uint32_t version = 3;
  static void write(StateWriter& to, const Tree& tree) {
    to.put(tree.value);
    to.put(tree.children);
  }
  static Tree read(StateReader& from, std::uint32_t saved_by) {
    Tree tree;
    if (saved_by > 1) from.get(tree.value);
    from.get(tree.children);
    return tree;
  }
};

namespace {

template <class T>
std::string saved(const T& value) {
  StateWriter to;
  to.put(value);
  return to.take();
}
template <class T>
T restored(std::string_view bytes) {
  StateReader from{bytes};
  T value = from.get<T>();
  from.end();
  return value;
}

template <class T>
void read_as(std::string_view bytes) {
  std::string again;
  try {
    again = saved(restored<T>(bytes));
  } catch (const StateError&) {
    return;
  }
  require(again == saved(restored<T>(again)), "state that was read comes back");
}
/// Also with the types that a writer would have put behind it, so that the values are looked at.
template <class T>
void read_both(std::string_view bytes) {
  read_as<T>(bytes);
  StateWriter types;
  types.put(T{});
  std::string tail = types.take();
  const std::string name = type_signature<T>();
  tail.erase(0, tail.find(name) - 2);
  read_as<T>(std::string(bytes) + tail);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const FuzzInput input{data, size, 1};
  if (!input.complete()) return 0;
  const std::string_view text = input.text();
  switch (input.choice(0) % 8) {
    case 0: read_both<std::vector<Sale>>(text); break;
    case 1: read_both<std::map<std::string, std::vector<std::int32_t>>>(text); break;
    case 2: read_both<std::unordered_map<std::uint16_t, std::variant<int, std::string, Sale>>>(text); break;
    case 3: read_both<Tree>(text); break;
    case 4: read_both<std::tuple<std::array<double, 3>, std::deque<bool>, std::optional<std::string>>>(text); break;
    case 5: read_both<Snapshot>(text); break;
    default:
      try {
        const std::string again = encode(decode_snapshot(text, "it"));
        require(encode(decode_snapshot(again, "it")) == again, "a snapshot that was read comes back");
      } catch (const StateError&) {
      }
  }
  return 0;
}
