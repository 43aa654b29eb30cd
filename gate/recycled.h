// Memory that comes and goes with every request: what one gives back the next one takes, still in
// the processor's cache. Of the thread that calls; what is in store beyond a bound is freed.
#pragma once

#include <cstddef>
#include <new>

namespace openclaw::gate {

// Throws std::bad_alloc. `size` at give_memory() is that at take_memory().
void* take_memory(std::size_t size);
void give_memory(void* memory, std::size_t size) noexcept;

// For containers.
template <class T>
struct Recycled {
  using value_type = T;

  Recycled() = default;
  template <class U>
  Recycled(const Recycled<U>&) {}  // NOLINT(google-explicit-constructor): allocators convert

  T* allocate(std::size_t count) { return static_cast<T*>(take_memory(count * sizeof(T))); }
  void deallocate(T* memory, std::size_t count) noexcept { give_memory(memory, count * sizeof(T)); }

  bool operator==(const Recycled&) const = default;
};

}  // namespace openclaw::gate
