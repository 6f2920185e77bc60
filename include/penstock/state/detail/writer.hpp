// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include "penstock/core/doing.hpp"
#include "penstock/core/loop.hpp"
#include "penstock/core/task.hpp"

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
      job_ = std::make_unique<Job>(Job{loop, job, done});
    }
    if (!thread_.joinable()) thread_ = std::thread([this] { work(); });
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
      changed_.wait(lock, [this] { return over_ || job_; });
      if (!job_) return;
      const std::unique_ptr<Job> job = std::move(job_);
      lock.unlock();
      job->run();
      job->loop.post_remote(job->done);
      job->loop.work_finished();
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::unique_ptr<Job> job_;
  std::thread thread_;
  bool over_ = false;
};

}  // namespace penstock::detail
