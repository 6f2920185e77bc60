# SPDX-License-Identifier: BSL-1.0
"""Builds and runs a user's program against the package that `conan create` has just made."""
import os

from conan import ConanFile
from conan.tools.build import can_run
from conan.tools.cmake import CMake, cmake_layout


class TestPackage(ConanFile):
    settings = "os", "compiler", "build_type", "arch"
    generators = "CMakeDeps", "CMakeToolchain"

    def requirements(self):
        self.requires(self.tested_reference_str)

    def layout(self):
        cmake_layout(self)

    @property
    def _programs(self):
        options = self.dependencies["penstock"].options
        if options.core_only:
            return ["core"]
        return ["core", "whole"] + [name for name in ("tls", "sqlite") if options.get_safe(name)]

    def build(self):
        cmake = CMake(self)
        cmake.configure(variables={"PROGRAMS": ";".join(self._programs)})
        cmake.build()

    def test(self):
        if can_run(self):
            for name in self._programs:
                self.run(os.path.join(self.cpp.build.bindir, name), env="conanrun")
