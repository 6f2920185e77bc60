// SPDX-License-Identifier: BSL-1.0
// Your own operator that remembers something: it says what, and checkpoints do the rest.
#include <filesystem>

#include <fmt/core.h>

#include <penstock/penstock.hpp>
#include <penstock/state/checkpoints.hpp>

// Emits an element when it differs from the one before, also from the last one of the run before.
class ChangesStep : public penstock::Step, public penstock::Managed {
 public:
  template <class In>
  using output = In;

  void place(penstock::Node& node, penstock::Info& info) noexcept {
    Step::place(node, info);
    info.recovery = penstock::Recovery::state;
    info.state = this;
  }
  // Called when a checkpoint passes: everything that the elements before it have left behind.
  void save(penstock::StateWriter& to) const override { to.put(last_); }
  // Into a new one, before anything starts.
  void load(penstock::StateReader& from) override { from.get(last_); }

  template <class V, class Next>
  penstock::Pending* operator()(V&& value, const penstock::Context* context, Next& next) {
    if (last_ == value) {
      info().leaves_out();
      return nullptr;
    }
    last_ = value;
    return next(std::forward<V>(value), context);
  }

 private:
  std::optional<int> last_;
};

auto changes() {
  penstock::Info info{"changes"};
  info.one_to_one = false;
  info.selects = true;
  return penstock::step(ChangesStep{}, info);
}

void run(const std::filesystem::path& directory, std::initializer_list<int> numbers) {
  penstock::Stream<int> source;
  source.apply(changes()).named("changes").sink([](int x) { fmt::print("{}\n", x); });
  // What is emitted by hand cannot be read again, so no more can be promised than this.
  penstock::Checkpoints checkpoints{
      source, {.directory = directory, .guarantee = penstock::Guarantee::at_most_once}};
  for (const int x : numbers) source.emit(x);
  checkpoints.take();
}

int main() {
  const auto directory = std::filesystem::temp_directory_path() / "penstock-remembers";
  std::filesystem::remove_all(directory);
  run(directory, {1, 1, 2});
  fmt::print("-- the program is started again\n");
  run(directory, {2, 2, 3});
  std::filesystem::remove_all(directory);
}
