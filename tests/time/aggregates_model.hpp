// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <random>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "penstock/time/aggregate.hpp"

/// An event of a shop, of the tests' own.
struct Sale {
  long time = 0;
  std::string user;
  int price = 0;
  double weight = 0;
  bool paid = false;
};

/// The result of all elements added one after the other.
template <class A, class T>
auto of_all(const A& aggregate, const std::vector<T>& elements) {
  const penstock::detail::Aggregation<A, T> windows(aggregate);
  auto state = windows.create();
  for (const T& element : elements) windows.add(state, element);
  const auto copy = state;
  const auto result = windows.result(copy);
  REQUIRE((result == windows.result(std::move(state))));
  return result;
}

/// The same from up to eight pieces of the elements, some of them empty, that are merged neighbour with
/// neighbour in random order, from copies and from what is given away.
template <class A, class T>
auto of_pieces(const A& aggregate, const std::vector<T>& elements, std::mt19937_64& random) {
  const penstock::detail::Aggregation<A, T> windows(aggregate);
  using State = typename penstock::detail::Aggregation<A, T>::state;
  const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  std::vector<std::size_t> ends;
  for (std::size_t i = below(8); i > 0; --i) ends.push_back(below(elements.size() + 1));
  ends.push_back(elements.size());
  std::sort(ends.begin(), ends.end());
  std::vector<State> states;
  std::size_t at = 0;
  for (const std::size_t end : ends) {
    states.push_back(windows.create());
    for (; at < end; ++at) windows.add(states.back(), elements[at]);
  }
  while (states.size() > 1) {
    const std::size_t i = below(states.size() - 1);
    if (below(2) == 0) {
      windows.merge(states[i], static_cast<const State&>(states[i + 1]));
    } else {
      windows.merge(states[i], std::move(states[i + 1]));
    }
    states.erase(states.begin() + static_cast<std::ptrdiff_t>(i + 1));
  }
  return windows.result(states.front());
}

/// The result when some elements were added and taken out again at random places.
template <class A, class T>
auto of_all_but_removed(const A& aggregate, const std::vector<T>& elements, const std::vector<T>& removed,
                        std::mt19937_64& random) {
  const penstock::detail::Aggregation<A, T> windows(aggregate);
  auto state = windows.create();
  std::vector<T> in;
  std::size_t i = 0, j = 0;
  while (i < elements.size() || j < removed.size() || !in.empty()) {
    const auto choice = random() % 3;
    if (choice == 0 && i < elements.size()) {
      windows.add(state, elements[i++]);
    } else if (choice == 1 && j < removed.size()) {
      windows.add(state, removed[j]);
      in.push_back(removed[j++]);
    } else if (choice == 2 && !in.empty()) {
      std::swap(in[random() % in.size()], in.back());
      windows.remove(state, in.back());
      in.pop_back();
    }
  }
  return windows.result(state);
}

inline std::vector<Sale> random_sales(std::size_t n, std::mt19937_64& random) {
  std::vector<Sale> sales;
  for (std::size_t i = 0; i < n; ++i) {
    Sale sale;
    sale.time =
        static_cast<long>(random() % 1000) * 1000 + static_cast<long>(i);  // all different, in no order
    sale.user = "user " + std::to_string(random() % 50);
    sale.price = static_cast<int>(random() % 2001) - 1000;
    sale.weight = static_cast<double>(random() % 4096) / 16.0;
    sale.paid = random() % 3 == 0;
    sales.push_back(sale);
  }
  return sales;
}
