// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <utility>

#include "penstock/core/graph.hpp"

// Not an operator: the elements of one request on their way.

namespace penstock::detail {

class HttpJob;

/// How far the pipeline got with a request.
enum class HttpFate : std::uint8_t {
  taken,   ///< all of it was taken
  failed,  ///< an element was not
  cut_off  ///< the source was stopped before the rest was emitted
};

/// Who waits for a job.
class HttpWaiter {
 public:
  /// @param emitted  elements, the one that has failed included.
  virtual void processed(HttpFate fate, std::size_t emitted, std::size_t size) = 0;

 protected:
  ~HttpWaiter() = default;
};

/// Who owns jobs.
class HttpJobOwner {
 public:
  virtual Node& node_of_jobs() noexcept = 0;
  /// False when no more may be emitted.
  virtual bool running() const noexcept = 0;
  /// The job is over, and deleted in here.
  virtual void finished(HttpJob& job) noexcept = 0;

 protected:
  ~HttpJobOwner() = default;
};

/// What a request has brought, on its way into the pipeline: one element after the other, each when the one
/// before was taken. Outlives a connection that does not wait for it any more.
class HttpJob : public Task, public Pooled {
 public:
  explicit HttpJob(HttpJobOwner& owner) : owner_(owner) {}
  ~HttpJob() override {
    if (gone_) *gone_ = true;
  }

  void wait_for(HttpWaiter& waiter, Context context) {
    waiter_ = &waiter;
    context_ = std::move(context);
  }
  /// Nobody waits any more: what is under way is still taken, the rest is not emitted.
  void let_go() noexcept { waiter_ = nullptr; }
  std::size_t emitted() const noexcept { return next_; }
  virtual std::size_t size() const noexcept = 0;

  void run() override {
    constexpr int turn = 64;  // elements, then others are served
    std::exception_ptr error = std::exchange(receipt_, {}).error();
    const StrandRef strand{owner_.node_of_jobs().strand()};
    bool gone = false;  // what is emitted may end the graph, and this with it
    gone_ = &gone;
    for (int left = turn; !error && next_ < size() && waiter_ && owner_.running(); --left) {
      if (left == 0) {
        gone_ = nullptr;
        return strand->post(*this);
      }
      Receipt receipt;
      try {
        receipt = emit(next_++, Context{context_});
      } catch (...) {
        error = std::current_exception();
      }
      if (gone) {
        if (error) strand->report(std::move(error));
        return;
      }
      if (receipt.pending()) {
        gone_ = nullptr;
        receipt_ = std::move(receipt);
        return receipt_.state()->then(*this);
      }
      if (!error) error = receipt.error();
    }
    end(std::move(error));
  }

 private:
  /// Emits one element, which may throw.
  virtual Receipt emit(std::size_t i, Context&& context) = 0;

  void end(std::exception_ptr error) {
    Node& node = owner_.node_of_jobs();
    HttpWaiter* const waiter = waiter_;
    const std::size_t emitted = next_;
    const std::size_t all = size();
    const HttpFate fate = error ? HttpFate::failed : emitted == all ? HttpFate::taken : HttpFate::cut_off;
    owner_.finished(*this);
    if (waiter) waiter->processed(fate, emitted, all);
    if (error) node.graph().report(std::move(error), node.info());
  }

  HttpJobOwner& owner_;
  HttpWaiter* waiter_ = nullptr;
  Context context_;
  std::size_t next_ = 0;
  Receipt receipt_;
  bool* gone_ = nullptr;  // set while running
};

}  // namespace penstock::detail
