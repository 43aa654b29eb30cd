// The name of a result's error, or "accepted": what tests compare, so that a failure prints words.
#pragma once

#include <string_view>

#include "core/result.h"

namespace openclaw {

template <class T>
std::string_view reason(const Result<T>& result) {
  return result ? std::string_view("accepted") : name(result.error());
}

}  // namespace openclaw
