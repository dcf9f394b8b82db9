# SPDX-License-Identifier: MIT
# What is installed beside the modules, for those who build on saros: saros.pc, files for find_package(saros); and what
# CPack makes packages of.

include(CMakePackageConfigHelpers)

# ---- pkg-config and CMake ----------------------------------------------------------------------

# Both are of no architecture, and find everything from where they lie themselves: `cmake --install build --prefix P`
# may put them anywhere.
set(pkgconfig_dir "${CMAKE_INSTALL_DATAROOTDIR}/pkgconfig")
set(config_dir "${CMAKE_INSTALL_DATAROOTDIR}/cmake/saros")

function(saros_pc_path variable path)
  if(IS_ABSOLUTE "${path}")
    set(${variable} "${path}" PARENT_SCOPE)
  else()
    set(${variable} "\${prefix}/${path}" PARENT_SCOPE)
  endif()
endfunction()

file(RELATIVE_PATH SAROS_PC_TO_PREFIX "/${pkgconfig_dir}" "/")
string(REGEX REPLACE "/$" "" SAROS_PC_TO_PREFIX "${SAROS_PC_TO_PREFIX}")
saros_pc_path(SAROS_PC_INCLUDEDIR "${CMAKE_INSTALL_INCLUDEDIR}")
saros_pc_path(SAROS_PC_CMODULEDIR "${SAROS_CMODULE_DIR}")
saros_pc_path(SAROS_PC_LUAMODULEDIR "${SAROS_LUAMODULE_DIR}")
set(SAROS_PC_LUA "") # where pkg-config knows no Lua, its headers are found in some other way
if(LUA_FOUND)
  set(SAROS_PC_LUA "${LUA_MODULE_NAME}")
endif()
configure_file(cmake/saros.pc.in saros.pc @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/saros.pc" DESTINATION "${pkgconfig_dir}")

configure_package_config_file(cmake/sarosConfig.cmake.in sarosConfig.cmake INSTALL_DESTINATION "${config_dir}"
  PATH_VARS CMAKE_INSTALL_INCLUDEDIR SAROS_CMODULE_DIR SAROS_LUAMODULE_DIR NO_CHECK_REQUIRED_COMPONENTS_MACRO)
write_basic_package_version_file(sarosConfigVersion.cmake COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
install(FILES "${PROJECT_BINARY_DIR}/sarosConfig.cmake" "${PROJECT_BINARY_DIR}/sarosConfigVersion.cmake"
  cmake/SarosLibuv.cmake DESTINATION "${config_dir}")

# ---- CPack -------------------------------------------------------------------------------------

# The names are Debian's: a module for Lua is lua-NAME, and its licence lies in share/doc/lua-NAME/copyright.
set(CPACK_PACKAGE_NAME lua-saros)
install(FILES LICENSE DESTINATION "${CMAKE_INSTALL_DATAROOTDIR}/doc/${CPACK_PACKAGE_NAME}" RENAME copyright)
install(FILES README.md CHANGELOG.md DESTINATION "${CMAKE_INSTALL_DATAROOTDIR}/doc/${CPACK_PACKAGE_NAME}")

set(CPACK_PACKAGE_VENDOR "saros")
set(CPACK_PACKAGE_CONTACT "saros authors")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_PACKAGE_DESCRIPTION "Lua coroutines as tasks on a libuv loop: structured concurrency, cancellation, queues,
an HTTP client and server, WebSockets, sockets, TLS, files, processes, threads, Redis.")
set(CPACK_RESOURCE_FILE_LICENSE "${PROJECT_SOURCE_DIR}/LICENSE")
set(CPACK_STRIP_FILES ON)
set(CPACK_VERBATIM_VARIABLES ON)

find_program(dpkg_deb dpkg-deb)
mark_as_advanced(dpkg_deb)
if(dpkg_deb)
  set(CPACK_GENERATOR DEB)
elseif(WIN32)
  set(CPACK_GENERATOR ZIP)
else()
  set(CPACK_GENERATOR TGZ)
endif()
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION interpreters)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "lua${lua_version}")
include(CPack)
