// Which paths this processor and its operating system support.
#pragma once

#include "engine.hpp"

namespace sealed {

constexpr size_t pathCount = 3;

// Every path that was compiled, fastest first.
inline const Path* const* allPaths() {
  static const Path* const paths[pathCount] = {&ifmaPath, &avx512Path, &avx2Path};
  return paths;
}

inline bool isSupported(const Path& path) {
  __builtin_cpu_init();
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq");
  if (&path == &ifmaPath) {
    return avx512 && __builtin_cpu_supports("avx512ifma") && __builtin_cpu_supports("avx512vbmi");
  }
  if (&path == &avx512Path) return avx512;
  return __builtin_cpu_supports("avx2");
}

}  // namespace sealed
