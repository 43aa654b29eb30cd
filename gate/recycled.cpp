#include "gate/recycled.h"

#include <array>

namespace openclaw::gate {
namespace {

constexpr std::size_t kStep = 64;
constexpr std::size_t kLargest = 4096;
// Of each size: as many as connections are attended to between two waits.
#ifdef __SANITIZE_ADDRESS__
constexpr std::size_t kMostInStore = 0;  // what is used after its end must be seen
#else
constexpr std::size_t kMostInStore = 64;
#endif

class Store {
 public:
  ~Store() {
    for (Size& size : sizes_) {
      while (size.first != nullptr) ::operator delete(take(size));
    }
  }

  void* take(std::size_t bytes) {
    if (bytes > kLargest || bytes == 0) return ::operator new(bytes);
    Size& size = size_of(bytes);
    return size.first != nullptr ? take(size) : ::operator new(rounded(bytes));
  }

  void give(void* memory, std::size_t bytes) noexcept {
    if (bytes > kLargest || bytes == 0) return ::operator delete(memory);
    Size& size = size_of(bytes);
    if (size.count == kMostInStore) return ::operator delete(memory);
    size.first = new (memory) Free{size.first};
    ++size.count;
  }

 private:
  struct Free {
    Free* next;
  };
  struct Size {
    Free* first = nullptr;
    std::size_t count = 0;
  };

  static std::size_t rounded(std::size_t bytes) { return (bytes + kStep - 1) / kStep * kStep; }
  Size& size_of(std::size_t bytes) { return sizes_[(bytes - 1) / kStep]; }

  static void* take(Size& size) {
    Free* const taken = size.first;
    size.first = taken->next;
    --size.count;
    return taken;
  }

  std::array<Size, kLargest / kStep> sizes_;
};

thread_local Store store;

}  // namespace

void* take_memory(std::size_t size) { return store.take(size); }

void give_memory(void* memory, std::size_t size) noexcept { store.give(memory, size); }

}  // namespace openclaw::gate
