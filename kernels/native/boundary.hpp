// The border to JavaScript: arguments are checked here, and no C++ exception crosses it.
#pragma once

#define NAPI_VERSION 8
#include <node_api.h>

#include <stdexcept>
#include <string>

#include "engine.hpp"

namespace sealed {

// A wrong argument; becomes a RangeError.
class ArgumentError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Node-API itself refused: an exception may be pending in JavaScript already.
class NodeApiError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

inline void check(napi_status status, const char* what) {
  if (status != napi_ok) throw NodeApiError(std::string("native engine: ") + what);
}

inline void expectSize(const char* name, size_t actual, size_t expected) {
  if (actual == expected) return;
  throw ArgumentError(std::string(name) + ": expected " + std::to_string(expected) + " bytes, got " +
                      std::to_string(actual));
}

struct MutableByteView {
  uint8_t* data = nullptr;
  size_t size = 0;
};

// A value from JavaScript; reading it as what it is not is an ArgumentError.
class Value {
 public:
  Value(napi_env env, napi_value value) : env_(env), value_(value) {}

  bool isUndefined() const {
    napi_valuetype type = napi_undefined;
    check(napi_typeof(env_, value_, &type), "cannot tell the type of an argument");
    return type == napi_undefined;
  }

  MutableByteView bytes() const {
    napi_typedarray_type type = napi_int8_array;
    MutableByteView view;
    void* data = nullptr;
    if (napi_get_typedarray_info(env_, value_, &type, &view.size, &data, nullptr, nullptr) != napi_ok ||
        type != napi_uint8_array) {
      throw ArgumentError("native engine: expected a Uint8Array");
    }
    view.data = static_cast<uint8_t*>(data);
    return view;
  }

  ByteView constBytes() const {
    const MutableByteView view = bytes();
    return {view.data, view.size};
  }

  // An integer in [0, largest].
  size_t integer(size_t largest) const {
    int64_t number = 0;
    if (napi_get_value_int64(env_, value_, &number) != napi_ok || number < 0 ||
        static_cast<uint64_t>(number) > largest) {
      throw ArgumentError("native engine: expected an integer from 0 to " + std::to_string(largest));
    }
    return static_cast<size_t>(number);
  }

  bool boolean() const {
    bool truth = false;
    if (napi_get_value_bool(env_, value_, &truth) != napi_ok) {
      throw ArgumentError("native engine: expected a boolean");
    }
    return truth;
  }

  std::string text() const {
    char buffer[32];
    size_t length = 0;
    if (napi_get_value_string_utf8(env_, value_, buffer, sizeof buffer, &length) != napi_ok) {
      throw ArgumentError("native engine: expected a string");
    }
    return {buffer, length};
  }

  Value property(const char* name) const {
    napi_value found = nullptr;
    if (napi_get_named_property(env_, value_, name, &found) != napi_ok) {
      throw ArgumentError(std::string("native engine: expected an object with the property ") + name);
    }
    return {env_, found};
  }

  napi_value raw() const { return value_; }

 private:
  napi_env env_;
  napi_value value_;
};

// The arguments of one call; those not given are undefined.
class Call {
 public:
  static constexpr size_t maxArguments = 10;

  Call(napi_env env, napi_callback_info info) : env(env) {
    size_t count = maxArguments;
    check(napi_get_cb_info(env, info, &count, values_, nullptr, nullptr), "cannot read the arguments");
  }

  Value operator[](size_t index) const { return {env, values_[index]}; }

  const napi_env env;

 private:
  napi_value values_[maxArguments];
};

inline void throwInJavaScript(napi_env env, const std::exception& problem, bool isArgument) {
  bool pending = false;
  if (napi_is_exception_pending(env, &pending) == napi_ok && pending) return;
  if (isArgument) {
    napi_throw_range_error(env, nullptr, problem.what());
  } else {
    napi_throw_error(env, nullptr, problem.what());
  }
}

// A function for JavaScript: runs `body` and turns what it throws into a JavaScript exception.
template <napi_value (*body)(const Call&)>
napi_value guarded(napi_env env, napi_callback_info info) {
  try {
    return body(Call(env, info));
  } catch (const ArgumentError& problem) {
    throwInJavaScript(env, problem, true);
  } catch (const std::exception& problem) {
    throwInJavaScript(env, problem, false);
  } catch (...) {
    throwInJavaScript(env, std::runtime_error("native engine: unknown failure"), false);
  }
  return nullptr;
}

// A C++ object owned by a JavaScript object, which frees it when it is collected, or before that through close().
template <class Owned>
class Handle {
 public:
  static napi_value wrap(napi_env env, Owned* owned, const napi_type_tag& tag) {
    Handle* handle = new Handle{owned};
    napi_value object = nullptr;
    if (napi_create_object(env, &object) != napi_ok || napi_type_tag_object(env, object, &tag) != napi_ok ||
        napi_wrap(env, object, handle, finalize, nullptr, nullptr) != napi_ok) {
      finalize(env, handle, nullptr);
      throw NodeApiError("native engine: cannot create a handle");
    }
    return object;
  }

  static bool holds(const Call& call, napi_value object, const napi_type_tag& tag) {
    bool matches = false;
    return napi_check_object_type_tag(call.env, object, &tag, &matches) == napi_ok && matches;
  }

  static Handle& unwrap(const Call& call, napi_value object, const napi_type_tag& tag) {
    void* handle = nullptr;
    if (!holds(call, object, tag) || napi_unwrap(call.env, object, &handle) != napi_ok) {
      throw ArgumentError("native engine: expected a ring of this addon");
    }
    return *static_cast<Handle*>(handle);
  }

  Owned& open() const {
    if (owned_ == nullptr) throw ArgumentError("native engine: expected an open ring, got a closed one");
    return *owned_;
  }

  void close() {
    delete owned_;
    owned_ = nullptr;
  }

 private:
  explicit Handle(Owned* owned) : owned_(owned) {}

  static void finalize(napi_env, void* data, void*) {
    Handle* handle = static_cast<Handle*>(data);
    handle->close();
    delete handle;
  }

  Owned* owned_;
};

}  // namespace sealed
