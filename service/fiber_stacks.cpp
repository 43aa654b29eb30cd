#include "service/fiber_stacks.h"

namespace openclaw::front {

FiberStacks::~FiberStacks() {
  for (auto& stack : kept_) source_.deallocate(stack);
}

boost::context::stack_context FiberStacks::take() {
  if (kept_.empty()) return source_.allocate();
  const auto stack = kept_.back();
  kept_.pop_back();
  return stack;
}

void FiberStacks::give_back(boost::context::stack_context& stack) {
  if (kept_.size() < kMostKept) {
    kept_.push_back(stack);
  } else {
    source_.deallocate(stack);
  }
}

}  // namespace openclaw::front
