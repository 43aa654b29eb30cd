// Stacks for the fibers of one event loop, used again and again: a mapping with its guard page is
// made once, not for each request.
#pragma once

#include <cstddef>
#include <vector>

#include <boost/context/protected_fixedsize_stack.hpp>
#include <boost/context/stack_context.hpp>

namespace openclaw::front {

class FiberStacks {
 public:
  FiberStacks() = default;
  ~FiberStacks();
  FiberStacks(const FiberStacks&) = delete;
  FiberStacks& operator=(const FiberStacks&) = delete;

  // What boost::context wants of an allocator; a fiber keeps a copy until it ends.
  class Allocator {
   public:
    explicit Allocator(FiberStacks& stacks) : stacks_(&stacks) {}
    boost::context::stack_context allocate() { return stacks_->take(); }
    void deallocate(boost::context::stack_context& stack) { stacks_->give_back(stack); }

   private:
    FiberStacks* stacks_;
  };

 private:
  // The deepest request measured takes 15 KiB; the rest is there for other builds (sanitizers).
  static constexpr std::size_t kStackSize = 128 * 1024;
  static constexpr std::size_t kMostKept = 256;

  boost::context::stack_context take();
  void give_back(boost::context::stack_context& stack);

  boost::context::protected_fixedsize_stack source_{kStackSize};
  std::vector<boost::context::stack_context> kept_;
};

}  // namespace openclaw::front
