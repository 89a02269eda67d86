#include "narrow.hpp"
#include "path.hpp"

namespace sealed {

extern const Path avx512Path = pathOf<Avx512>();

}  // namespace sealed
