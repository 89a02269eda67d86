#include "ifma.hpp"
#include "path.hpp"

namespace sealed {

extern const Path ifmaPath = pathOf<Ifma>();

}  // namespace sealed
