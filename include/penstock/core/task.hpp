// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <utility>

namespace penstock {

/// Something to run later on a strand: a link in a queue, so that queueing allocates nothing. A task that dies leaves
/// the queue it stands in.
class Task {
 public:
  Task() = default;
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;

  /// Called once, outside any queue; the task may queue itself again or delete itself.
  virtual void run() = 0;
  /// Called instead of `run` when the queue ends first. A task that owns itself deletes itself here.
  virtual void discard() noexcept {}

  bool queued() const noexcept { return next_ != nullptr; }
  void unlink() noexcept {
    if (next_) {
      next_->previous_ = previous_;
      previous_->next_ = next_;
      next_ = previous_ = nullptr;
    }
  }

 protected:
  virtual ~Task() { unlink(); }

 private:
  friend class TaskQueue;
  Task* next_ = nullptr;
  Task* previous_ = nullptr;
};

/// First in, first out; linked through the tasks themselves. A task that is queued again keeps its place.
class TaskQueue {
 public:
  TaskQueue() { end_.next_ = end_.previous_ = &end_; }
  TaskQueue(const TaskQueue&) = delete;
  TaskQueue& operator=(const TaskQueue&) = delete;
  ~TaskQueue() {
    if (!empty()) discard();
    end_.next_ = end_.previous_ = nullptr;
  }

  bool empty() const noexcept { return end_.next_ == &end_; }

  void push(Task& task) noexcept {
    if (task.queued()) return;
    task.previous_ = end_.previous_;
    task.next_ = &end_;
    end_.previous_->next_ = &task;
    end_.previous_ = &task;
  }

  /// The first task, or null.
  Task* pop() noexcept {
    if (empty()) return nullptr;
    Task* task = end_.next_;
    task->unlink();
    return task;
  }

  /// The task after `skip` others, counted round the queue, or null: what a scheduler uses to choose.
  Task* pop_after(unsigned skip) noexcept {
    if (empty()) return nullptr;
    Task* task = end_.next_;
    for (; skip > 0; --skip) {
      task = task->next_;
      if (task == &end_) task = end_.next_;
    }
    task->unlink();
    return task;
  }

  /// Moves all tasks of `other` behind the own ones.
  void splice(TaskQueue& other) noexcept {
    if (other.empty()) return;
    Task* first = other.end_.next_;
    Task* last = other.end_.previous_;
    other.end_.next_ = other.end_.previous_ = &other.end_;
    first->previous_ = end_.previous_;
    end_.previous_->next_ = first;
    last->next_ = &end_;
    end_.previous_ = last;
  }

 private:
  struct End final : Task {
    void run() override {}
  };
  [[gnu::noinline, gnu::cold]] void discard() noexcept {
    while (Task* task = pop()) task->discard();
  }

  End end_;
};

/// A function to run once, as a task that owns itself.
template <class Fn>
class FunctionTask final : public Task {
 public:
  explicit FunctionTask(Fn fn) : fn_(std::move(fn)) {}
  void run() override {
    struct End {
      FunctionTask* self;
      ~End() { delete self; }
    } end{this};
    fn_();
  }
  void discard() noexcept override { delete this; }

 private:
  Fn fn_;
};

}  // namespace penstock
