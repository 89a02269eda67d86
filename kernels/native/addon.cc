// The functions that JavaScript sees. Each checks the sizes of its buffers and hands them to a ring.
#include <cstring>
#include <memory>

#include "boundary.hpp"
#include "constants.hpp"
#include "cpu.hpp"

namespace sealed {

SquareRing::~SquareRing() = default;
FactoredRing::~FactoredRing() = default;

namespace {

constexpr napi_type_tag squareRingTag = {0x5ea1edc0104135aaULL, 0x5c0a4e0000000001ULL};
constexpr napi_type_tag factoredRingTag = {0x5ea1edc0104135aaULL, 0xfac704ed00000001ULL};
constexpr size_t largestExponentBits = size_t{1} << 20;
constexpr unsigned largestWindowBits = 16;
// RunningProduct::maxRows, whatever the path.
constexpr size_t largestTableWindows = (size_t{1} << 12) - 1;

using SquareRingHandle = Handle<SquareRing>;
using FactoredRingHandle = Handle<FactoredRing>;

SquareRing& squareRing(const Call& call) { return SquareRingHandle::unwrap(call, call[0].raw(), squareRingTag).open(); }

FactoredRing& factoredRing(const Call& call) {
  return FactoredRingHandle::unwrap(call, call[0].raw(), factoredRingTag).open();
}

// How many numbers of `width` bytes a buffer holds.
size_t countOf(const char* name, size_t bytes, size_t width) {
  if (bytes % width == 0) return bytes / width;
  throw ArgumentError(std::string(name) + ": expected a multiple of " + std::to_string(width) + " bytes, got " +
                      std::to_string(bytes));
}

const Path& pathNamed(const std::string& name) {
  for (size_t i = 0; i < pathCount; i += 1) {
    const Path& path = *allPaths()[i];
    if (name == path.name && isSupported(path)) return path;
  }
  throw ArgumentError("native engine: expected a path that this processor supports");
}

TableShape readShape(const Value& exponentBits, const Value& windowBits) {
  const TableShape shape = {exponentBits.integer(largestExponentBits),
                            static_cast<unsigned>(windowBits.integer(largestWindowBits))};
  if (shape.exponentBits == 0 || shape.windowBits == 0) {
    throw ArgumentError("table: expected exponents and windows of at least one bit, got none");
  }
  return shape;
}

// Of a table of powers: as many windows as a running product takes rows.
TableShape readTableShape(const Value& exponentBits, const Value& windowBits) {
  const TableShape shape = readShape(exponentBits, windowBits);
  if (shape.windows() > largestTableWindows) throw ArgumentError("table: expected at most 4095 windows, got more");
  return shape;
}

napi_value integerOf(napi_env env, size_t number) {
  napi_value value = nullptr;
  check(napi_create_int64(env, static_cast<int64_t>(number), &value), "cannot create a number");
  return value;
}

napi_value paths(const Call& call) {
  napi_value list = nullptr;
  check(napi_create_array(call.env, &list), "cannot create an array");
  uint32_t count = 0;
  for (size_t i = 0; i < pathCount; i += 1) {
    const Path& path = *allPaths()[i];
    if (!isSupported(path)) continue;
    napi_value name = nullptr;
    check(napi_create_string_utf8(call.env, path.name, NAPI_AUTO_LENGTH, &name), "cannot create a string");
    check(napi_set_element(call.env, list, count, name), "cannot fill an array");
    count += 1;
  }
  return list;
}

napi_value geometry(const Call& call) {
  const Path& path = pathNamed(call[0].text());
  const Geometry geometry = path.geometry(call[1].integer(8 * largestRootBytes));
  const std::pair<const char*, int> fields[] = {{"lanes", path.lanes},
                                                {"digitBits", geometry.digitBits},
                                                {"digits", geometry.digits},
                                                {"wideDigits", geometry.wideDigits}};
  napi_value object = nullptr;
  check(napi_create_object(call.env, &object), "cannot create an object");
  for (const auto& [name, number] : fields) {
    check(napi_set_named_property(call.env, object, name, integerOf(call.env, static_cast<size_t>(number))),
          "cannot fill an object");
  }
  return object;
}

napi_value openSquareRing(const Call& call) {
  const Path& path = pathNamed(call[0].text());
  std::unique_ptr<SquareRing> ring(path.openSquareRing(readSquareRing(path, call[1])));
  return SquareRingHandle::wrap(call.env, ring.release(), squareRingTag);
}

napi_value openFactoredRing(const Call& call) {
  const Path& path = pathNamed(call[0].text());
  std::unique_ptr<FactoredRing> ring(path.openFactoredRing(readFactoredRing(path, call[1])));
  return FactoredRingHandle::wrap(call.env, ring.release(), factoredRingTag);
}

napi_value close(const Call& call) {
  if (SquareRingHandle::holds(call, call[0].raw(), squareRingTag)) {
    SquareRingHandle::unwrap(call, call[0].raw(), squareRingTag).close();
  } else {
    FactoredRingHandle::unwrap(call, call[0].raw(), factoredRingTag).close();
  }
  return nullptr;
}

napi_value multiply(const Call& call) {
  SquareRing& ring = squareRing(call);
  const size_t width = 2 * ring.rootBytes();
  const MutableByteView out = call[1].bytes();
  const ByteView left = call[2].constBytes();
  const ByteView right = call[3].constBytes();
  const size_t count = countOf("out", out.size, width);
  expectSize("left", left.size, out.size);
  const bool shared = right.size == width;
  if (!shared) expectSize("right", right.size, out.size);
  ring.multiply(out.data, left.data, right.data, count, shared);
  return nullptr;
}

napi_value product(const Call& call) {
  SquareRing& ring = squareRing(call);
  const size_t width = 2 * ring.rootBytes();
  const MutableByteView out = call[1].bytes();
  const ByteView elements = call[2].constBytes();
  expectSize("out", out.size, width);
  ring.product(out.data, elements.data, countOf("elements", elements.size, width));
  return nullptr;
}

napi_value multiplyByOnePlus(const Call& call) {
  SquareRing& ring = squareRing(call);
  const MutableByteView out = call[1].bytes();
  const ByteView elements = call[2].constBytes();
  const ByteView residues = call[3].constBytes();
  const size_t count = countOf("out", out.size, 2 * ring.rootBytes());
  expectSize("elements", elements.size, out.size);
  expectSize("residues", residues.size, count * ring.rootBytes());
  ring.multiplyByOnePlus(out.data, elements.data, residues.data, count);
  return nullptr;
}

napi_value power(const Call& call) {
  SquareRing& ring = squareRing(call);
  const MutableByteView out = call[1].bytes();
  const ByteView bases = call[2].constBytes();
  const ByteView exponents = call[3].constBytes();
  const size_t exponentBytes = call[4].integer(largestExponentBits / 8);
  const size_t count = countOf("out", out.size, 2 * ring.rootBytes());
  expectSize("bases", bases.size, out.size);
  expectSize("exponents", exponents.size, count * exponentBytes);
  ring.power(out.data, bases.data, exponents.data, exponentBytes, exponentBytes, count);
  return nullptr;
}

napi_value powerShared(const Call& call) {
  SquareRing& ring = squareRing(call);
  const MutableByteView out = call[1].bytes();
  const ByteView bases = call[2].constBytes();
  const ByteView exponent = call[3].constBytes();
  const size_t count = countOf("out", out.size, 2 * ring.rootBytes());
  expectSize("bases", bases.size, out.size);
  if (exponent.size > largestExponentBits / 8) throw ArgumentError("exponent: expected at most 131072 bytes, got more");
  ring.power(out.data, bases.data, exponent.data, exponent.size, 0, count);
  return nullptr;
}

napi_value multiExponentiate(const Call& call) {
  SquareRing& ring = squareRing(call);
  const size_t width = 2 * ring.rootBytes();
  const MutableByteView out = call[1].bytes();
  const ByteView bases = call[2].constBytes();
  const ByteView exponents = call[3].constBytes();
  const size_t exponentBytes = call[4].integer(largestExponentBits / 8);
  const size_t count = countOf("bases", bases.size, width);
  expectSize("out", out.size, width);
  expectSize("exponents", exponents.size, count * exponentBytes);
  ring.multiExponentiate(out.data, bases.data, exponents.data, exponentBytes, count);
  return nullptr;
}

napi_value accumulatorBytes(const Call& call) {
  return integerOf(call.env, squareRing(call).accumulatorBytes(readShape(call[1], call[2])));
}

napi_value accumulatePowers(const Call& call) {
  SquareRing& ring = squareRing(call);
  const MutableByteView accumulator = call[1].bytes();
  const ByteView bases = call[2].constBytes();
  const ByteView exponents = call[3].constBytes();
  const TableShape shape = readShape(call[4], call[5]);
  const size_t count = countOf("bases", bases.size, 2 * ring.rootBytes());
  expectSize("accumulator", accumulator.size, ring.accumulatorBytes(shape));
  expectSize("exponents", exponents.size, count * shape.exponentBytes());
  if (count > 0) ring.accumulatePowers(accumulator.data, shape, call[6].boolean(), bases.data, exponents.data, count);
  return nullptr;
}

napi_value readAccumulator(const Call& call) {
  SquareRing& ring = squareRing(call);
  const MutableByteView out = call[1].bytes();
  const ByteView accumulator = call[2].constBytes();
  const TableShape shape = readShape(call[3], call[4]);
  expectSize("out", out.size, 2 * ring.rootBytes());
  expectSize("accumulator", accumulator.size, ring.accumulatorBytes(shape));
  ring.readAccumulator(out.data, accumulator.data, shape, call[5].boolean());
  return nullptr;
}

napi_value tableBytes(const Call& call) {
  return integerOf(call.env, squareRing(call).tableBytes(readTableShape(call[1], call[2])));
}

napi_value buildTable(const Call& call) {
  SquareRing& ring = squareRing(call);
  const MutableByteView table = call[1].bytes();
  const ByteView base = call[2].constBytes();
  const ByteView inverse = call[3].constBytes();
  const TableShape shape = readTableShape(call[4], call[5]);
  expectSize("table", table.size, ring.tableBytes(shape));
  expectSize("base", base.size, 2 * ring.rootBytes());
  expectSize("inverse", inverse.size, base.size);
  ring.buildTable(table.data, base.data, inverse.data, shape);
  return nullptr;
}

napi_value powerFixedBase(const Call& call) {
  SquareRing& ring = squareRing(call);
  const MutableByteView out = call[1].bytes();
  const ByteView table = call[2].constBytes();
  const TableShape shape = readTableShape(call[3], call[4]);
  const ByteView exponents = call[6].constBytes();
  const size_t count = countOf("out", out.size, 2 * ring.rootBytes());
  const ByteView residues = call[7].isUndefined() ? ByteView{} : call[7].constBytes();
  expectSize("table", table.size, ring.tableBytes(shape));
  expectSize("exponents", exponents.size, count * shape.exponentBytes());
  if (!call[7].isUndefined()) expectSize("residues", residues.size, count * ring.rootBytes());
  if (count == 0) return nullptr;
  ring.powerFixedBase(out.data, table.data, shape, call[5].boolean(), exponents.data, residues.data, count);
  return nullptr;
}

napi_value decrypt(const Call& call) {
  FactoredRing& ring = factoredRing(call);
  const MutableByteView out = call[1].bytes();
  const ByteView ciphertexts = call[2].constBytes();
  const size_t count = countOf("out", out.size, ring.rootBytes());
  expectSize("ciphertexts", ciphertexts.size, 2 * out.size);
  ring.decrypt(out.data, ciphertexts.data, count);
  return nullptr;
}

napi_value ownerTableBytes(const Call& call) {
  return integerOf(call.env, factoredRing(call).tableBytes(readTableShape(call[1], call[2])));
}

napi_value buildOwnerTables(const Call& call) {
  FactoredRing& ring = factoredRing(call);
  const MutableByteView tables = call[1].bytes();
  const ByteView base = call[2].constBytes();
  const ByteView inverse = call[3].constBytes();
  const TableShape shape = readTableShape(call[4], call[5]);
  expectSize("tables", tables.size, ring.tableBytes(shape));
  expectSize("base", base.size, 2 * ring.rootBytes());
  expectSize("inverse", inverse.size, base.size);
  ring.buildTables(tables.data, base.data, inverse.data, shape);
  return nullptr;
}

napi_value encryptAsOwner(const Call& call) {
  FactoredRing& ring = factoredRing(call);
  const MutableByteView out = call[1].bytes();
  const ByteView tables = call[2].constBytes();
  const TableShape shape = readTableShape(call[3], call[4]);
  const ByteView exponents = call[6].constBytes();
  const ByteView residues = call[7].constBytes();
  const size_t count = countOf("out", out.size, 2 * ring.rootBytes());
  expectSize("tables", tables.size, ring.tableBytes(shape));
  expectSize("exponents", exponents.size, 2 * count * shape.exponentBytes());
  expectSize("residues", residues.size, count * ring.rootBytes());
  ring.encryptAsOwner(out.data, tables.data, shape, call[5].boolean(), exponents.data, residues.data, count);
  return nullptr;
}

template <napi_value (*body)(const Call&)>
void define(napi_env env, napi_value exports, const char* name) {
  napi_value function = nullptr;
  check(napi_create_function(env, name, NAPI_AUTO_LENGTH, guarded<body>, nullptr, &function),
        "cannot create a function");
  check(napi_set_named_property(env, exports, name, function), "cannot export a function");
}

void defineAll(napi_env env, napi_value exports) {
  define<paths>(env, exports, "paths");
  define<geometry>(env, exports, "geometry");
  define<openSquareRing>(env, exports, "openSquareRing");
  define<openFactoredRing>(env, exports, "openFactoredRing");
  define<close>(env, exports, "close");
  define<multiply>(env, exports, "multiply");
  define<product>(env, exports, "product");
  define<multiplyByOnePlus>(env, exports, "multiplyByOnePlus");
  define<power>(env, exports, "power");
  define<powerShared>(env, exports, "powerShared");
  define<multiExponentiate>(env, exports, "multiExponentiate");
  define<accumulatorBytes>(env, exports, "accumulatorBytes");
  define<accumulatePowers>(env, exports, "accumulatePowers");
  define<readAccumulator>(env, exports, "readAccumulator");
  define<tableBytes>(env, exports, "tableBytes");
  define<buildTable>(env, exports, "buildTable");
  define<powerFixedBase>(env, exports, "powerFixedBase");
  define<decrypt>(env, exports, "decrypt");
  define<ownerTableBytes>(env, exports, "ownerTableBytes");
  define<buildOwnerTables>(env, exports, "buildOwnerTables");
  define<encryptAsOwner>(env, exports, "encryptAsOwner");
}

napi_value initialise(napi_env env, napi_value exports) {
  try {
    defineAll(env, exports);
  } catch (const std::exception& problem) {
    throwInJavaScript(env, problem, false);
  }
  return exports;
}

}  // namespace
}  // namespace sealed

NAPI_MODULE_INIT() { return sealed::initialise(env, exports); }
