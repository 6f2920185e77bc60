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

    def build(self):
        cmake = CMake(self)
        core_only = self.dependencies["penstock"].options.core_only
        cmake.configure(variables={"CORE_ONLY": "ON" if core_only else "OFF"})
        cmake.build()

    def test(self):
        if can_run(self):
            for name in ("core", "whole"):
                program = os.path.join(self.cpp.build.bindir, name)
                if os.path.exists(program):
                    self.run(program, env="conanrun")
