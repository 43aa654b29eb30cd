// For objects of C libraries in unique pointers: the deleter that calls their own free function.
#pragma once

namespace openclaw {

template <auto kFree>
struct FreeWith {
  template <class T>
  void operator()(T* object) const {
    kFree(object);
  }
};

}  // namespace openclaw
