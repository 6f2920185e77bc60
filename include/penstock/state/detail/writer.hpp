// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mutex>
#include <utility>

#include "penstock/core/box.hpp"
#include "penstock/core/doing.hpp"
#include "penstock/core/loop.hpp"
#include "penstock/core/task.hpp"
#include "penstock/exec/detail/thread.hpp"

// Not an operator: the thread that writes snapshots.

namespace penstock::detail {

/// Runs one job at a time in a thread of its own, and tells the loop when it is done; without a loop in the caller.
class Writer {
 public:
  Writer() = default;
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  ~Writer() {
    if (!thread_.joinable()) return;
    {
      const std::scoped_lock lock{mutex_};
      over_ = true;
    }
    changed_.notify_one();
    thread_.join();
  }

  /// @param job   touches nothing of the graph.
  /// @param done  posted to `loop` afterwards.
  void start(Loop& loop, Doing<void> job, Task& done) {
    loop.work_started();
    {
      const std::scoped_lock lock{mutex_};
      job_ = Box<Job>{new Job{loop, job, done}};
    }
    if (!thread_.joinable()) thread_.start<&Writer::work>(*this);
    changed_.notify_one();
  }

 private:
  struct Job {
    Loop& loop;
    Doing<void> run;
    Task& done;
  };

  void work() {
    std::unique_lock lock{mutex_};
    for (;;) {
      while (!over_ && !job_) changed_.wait(lock);
      if (!job_) return;
      const Box<Job> job = std::move(job_);
      lock.unlock();
      job->run();
      job->loop.post_remote(job->done);
      job->loop.work_finished();
      lock.lock();
    }
  }

  std::mutex mutex_;
  Condition changed_;
  Box<Job> job_;
  Thread thread_;
  bool over_ = false;
};

}  // namespace penstock::detail
