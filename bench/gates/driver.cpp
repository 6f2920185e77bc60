// SPDX-License-Identifier: BSL-1.0
//
// driver WORKLOAD N: emits N elements into one graph and prints how often memory was allocated meanwhile. What instructions
// and allocations an element costs is the difference of two runs: tools/check_instructions.py.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

#include "core/chains.hpp"

namespace {

long long allocated = 0;

void* allocate(std::size_t bytes) {
  ++allocated;
  if (void* memory = std::malloc(bytes)) return memory;
  throw std::bad_alloc();
}

}  // namespace

void* operator new(std::size_t bytes) { return allocate(bytes); }
void* operator new[](std::size_t bytes) { return allocate(bytes); }
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete[](void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }

namespace bench {

bool hashing = false;
[[gnu::noinline]] void hash_more(Value value) noexcept { asm volatile("" : : "r"(value) : "memory"); }

namespace {

using penstock::Stream;
using namespace chains;

struct Workload {
  const char* name;
  void (*build)(const Stream<Value>&);
};

constexpr Workload workloads[] = {
    {"a.fused", A::fused},       {"b.fused", B::fused}, {"b.dynamic", B::dynamic}, {"c2.fused", C2::fused},
    {"c2.dynamic", C2::dynamic}, {"d.fused", D::fused}, {"d.dynamic", D::dynamic}, {"e.fused", E::fused},
    {"e.dynamic", E::dynamic},   {"f.dynamic", F::dynamic},
};

[[gnu::noinline]] void emit_each(const Stream<Value>& source, Value n) {
  for (Value i = 0; i < n; ++i) source.emit(i);
}

int list() {
  for (const Workload& workload : workloads) std::printf("%s\n", workload.name);
  return 0;
}

int run(const Workload& workload, Value n) {
  const Stream<Value> source;
  workload.build(source);
  source.graph().counting(false);
  allocated = 0;
  emit_each(source, n);
  std::printf("%lld\n", allocated);
  return 0;
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  if (argc == 2 && std::strcmp(argv[1], "list") == 0) return bench::list();
  if (argc == 3) {
    for (const bench::Workload& workload : bench::workloads) {
      if (std::strcmp(workload.name, argv[1]) == 0) return bench::run(workload, std::atoll(argv[2]));
    }
  }
  std::fprintf(stderr, "usage: driver list | driver WORKLOAD N\n");
  return 2;
}
