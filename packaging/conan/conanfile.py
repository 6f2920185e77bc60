# SPDX-License-Identifier: BSL-1.0
"""Conan 2 recipe: conan create packaging/conan, from the folder of the project."""
import os
import re

from conan import ConanFile
from conan.tools.build import check_min_cppstd
from conan.tools.files import copy, load

required_conan_version = ">=2.0"


class PenstockConan(ConanFile):
    name = "penstock"
    description = "Streaming dataflow for C++20: typed, fast, with back-pressure, event time and recovery"
    license = "BSL-1.0"
    topics = ("streaming", "dataflow", "back-pressure", "header-only")
    package_type = "header-library"
    settings = "os", "compiler", "build_type", "arch"  # of its users; the package is the same for all of them
    options = {"core_only": [True, False], "tls": [True, False], "sqlite": [True, False]}
    default_options = {"core_only": False, "tls": False, "sqlite": False}
    no_copy_source = True

    @property
    def _project(self):
        return os.path.join(self.recipe_folder, "..", "..")

    def configure(self):
        if self.options.core_only:
            del self.options.tls
            del self.options.sqlite

    def set_version(self):
        text = load(self, os.path.join(self._project, "include", "penstock", "version.hpp"))
        self.version = ".".join(re.search(rf"#define PENSTOCK_VERSION_{part} (\d+)", text)[1]
                                for part in ("MAJOR", "MINOR", "PATCH"))

    def export_sources(self):
        copy(self, "include/penstock/*.hpp", self._project, self.export_sources_folder)
        for name in ("LICENSE", "THIRD_PARTY.md"):
            copy(self, name, self._project, self.export_sources_folder)

    def requirements(self):
        if not self.options.core_only:
            self.requires("boost/[>=1.81]", transitive_headers=True)
            self.requires("fmt/[>=9]", transitive_headers=True, transitive_libs=True)
            if self.options.tls:
                self.requires("openssl/[>=3]", transitive_headers=True, transitive_libs=True)
            if self.options.sqlite:
                self.requires("sqlite3/[>=3.37]", transitive_headers=True, transitive_libs=True)

    def validate(self):
        check_min_cppstd(self, 20)

    def package_id(self):
        # The options stay: they say which components there are.
        self.info.settings.clear()
        self.info.requires.clear()

    def package(self):
        copy(self, "*.hpp", os.path.join(self.source_folder, "include"), os.path.join(self.package_folder, "include"))
        for name in ("LICENSE", "THIRD_PARTY.md"):
            copy(self, name, self.source_folder, os.path.join(self.package_folder, "licenses"))

    def package_info(self):
        core = self.cpp_info.components["core"]
        core.set_property("cmake_target_name", "penstock::core")
        core.set_property("pkg_config_name", "penstock-core")
        core.bindirs, core.libdirs = [], []
        if self.options.core_only:
            return
        whole = self.cpp_info.components["penstock"]
        whole.set_property("cmake_target_name", "penstock::penstock")
        whole.set_property("pkg_config_name", "penstock")
        whole.bindirs, whole.libdirs = [], []
        whole.requires = ["core", "boost::headers", "fmt::fmt"]
        if self.settings.os in ("Linux", "FreeBSD"):
            whole.system_libs = ["pthread"]
        if self.options.tls:
            tls = self.cpp_info.components["tls"]
            tls.set_property("cmake_target_name", "penstock::tls")
            tls.set_property("pkg_config_name", "penstock-tls")
            tls.bindirs, tls.libdirs = [], []
            tls.requires = ["penstock", "openssl::ssl"]
        if self.options.sqlite:
            sqlite = self.cpp_info.components["sqlite"]
            sqlite.set_property("cmake_target_name", "penstock::sqlite")
            sqlite.set_property("pkg_config_name", "penstock-sqlite")
            sqlite.bindirs, sqlite.libdirs = [], []
            sqlite.requires = ["penstock", "sqlite3::sqlite"]
