#include "narrow.hpp"
#include "path.hpp"

namespace sealed {

extern const Path avx2Path = pathOf<Avx2>();

}  // namespace sealed
