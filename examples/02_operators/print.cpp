// SPDX-License-Identifier: BSL-1.0
// Prints elements with fmt: one a line, and with a format of one's own.
#include <penstock/penstock.hpp>

int main() {
  const penstock::Stream<double> prices;
  prices.print();
  prices.map([](double price) { return price * 1.19; }).print("with tax {:>8.2f}\n");
  for (const double price : {0.05, 7.5, 1200.0}) prices.emit(price);
}
