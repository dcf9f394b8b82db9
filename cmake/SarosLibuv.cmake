# SPDX-License-Identifier: MIT
# saros_find_libuv(VARIABLE VERSION): the name of a target of libuv, from pkg-config or libuv's own files for CMake; empty
# if there is none.
function(saros_find_libuv variable version)
  find_package(PkgConfig QUIET)
  if(PKG_CONFIG_FOUND)
    pkg_check_modules(LIBUV QUIET IMPORTED_TARGET GLOBAL libuv>=${version})
  endif()
  set(targets PkgConfig::LIBUV)
  if(NOT TARGET PkgConfig::LIBUV)
    find_package(libuv CONFIG QUIET) # which does not tell its version
    set(targets libuv::uv uv libuv::uv_a uv_a)
  endif()
  set(${variable} "" PARENT_SCOPE)
  foreach(target IN LISTS targets)
    if(TARGET ${target})
      set(${variable} ${target} PARENT_SCOPE)
      break()
    endif()
  endforeach()
endfunction()
