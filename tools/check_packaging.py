#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""The ways to get Penstock agree: CMake's installation, the vcpkg port, the Conan recipe, the Debian package, the single
header. One version, the same dependencies, the same headers.
"""
import ast
import filecmp
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

from sources import ROOT, Report, files, read

VCPKG = pathlib.PurePath("packaging/vcpkg/ports/penstock")
CONAN = pathlib.PurePath("packaging/conan")
# Where it is said which of these are needed, and how.
LIBRARIES = ("Boost", "fmt", "OpenSSL", "SQLite")
CMAKE = "cmake/PenstockDependencies.cmake"
NEEDS = {
    CMAKE: (r"find_package\(Boost ([\d.]+)", r"find_package\(fmt ([\d.]+)", r"find_package\(OpenSSL ([\d.]+)",
            r"find_package\(SQLite3 ([\d.]+)"),
    "cmake/penstockConfig.cmake.in": (r"find_dependency\(Boost ([\d.]+)", r"find_dependency\(fmt ([\d.]+)",
                                      r"find_package\(OpenSSL ([\d.]+)", r"find_package\(SQLite3 ([\d.]+)"),
    "cmake/PenstockPackage.cmake": (r"libboost-dev \(>= ([\d.]+)\)", r"libfmt-dev \(>= ([\d.]+)\)",
                                    r"libssl-dev \(>= ([\d.]+)\)", r"libsqlite3-dev \(>= ([\d.]+)\)"),
    str(VCPKG / "vcpkg.json"): (r'"boost-asio", "version>=": "([\d.]+)"', r'"fmt", "version>=": "([\d.]+)"',
                                r'"openssl", "version>=": "([\d.]+)"', r'"sqlite3", "version>=": "([\d.]+)"'),
    str(CONAN / "conanfile.py"): (r"boost/\[>=([\d.]+)\]", r"fmt/\[>=([\d.]+)\]", r"openssl/\[>=([\d.]+)\]",
                                r"sqlite3/\[>=([\d.]+)\]"),
    "THIRD_PARTY.md": (r"Boost ([\d.]+) or later", r"fmt ([\d.]+) or later", r"OpenSSL ([\d.]+) or later",
                       r"SQLite ([\d.]+) or later"),
}
# Headers of Boost that do not lie in the folder of their part.
NO_PART = {"none": "optional"}
# What conan create builds is what the tests build, copied because a recipe may not reach out of its folder.
COPIES = {CONAN / f"test_package/{name}.cpp": f"tests/consume/make/{name}.cpp" for name in ("core", "whole", "tls", "sqlite")}


def output_of(command, **more):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, **more)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))} fails:\n{done.stdout}{done.stderr}")
    return done.stdout


def without_zeros(version):
    return re.sub(r"(\.0+)+$", "", version)


def check_versions(report, prefix, version):
    header = pathlib.PurePath("include/penstock/version.hpp")
    said = output_of(["g++", "-E", "-P", "-I", ROOT / "include", "-x", "c++", "-"],
                     input=f"#include <{header.relative_to('include')}>\nPENSTOCK_VERSION PENSTOCK_VERSION_STRING\n")
    number, text = re.fullmatch(r"\s*\(([\d *+]+)\) (.+?)\s*", said).groups()
    text = "".join(re.findall(r'"([^"]*)"', text))
    major, minor, patch = map(int, version.split("."))
    if text != version:
        report.add(header, 1, f"PENSTOCK_VERSION_STRING is {text}, and CMake's project has {version}")
    product = sum(int(a) * int(b or 1) for a, b in re.findall(r"(\d+)(?: \* (\d+))?", number))
    if product != major * 10000 + minor * 100 + patch:
        report.add(header, 1, f"PENSTOCK_VERSION is {product}, which is not {version}")
    port = json.loads(read(VCPKG / "vcpkg.json"))
    if port["version-semver"] != version:
        report.add(VCPKG / "vcpkg.json", 1, f"the port's version is {port['version-semver']}, the project's {version}")
    for pc in sorted(prefix.glob("share/pkgconfig/*.pc")):
        found = re.search(r"^Version: (.*)$", pc.read_text(encoding="utf-8"), re.MULTILINE)
        if not found or found[1] != version:
            report.add(f"cmake/{pc.name}.in", 1, f"its version is not {version}")


def check_port(report):
    options = set(re.findall(r"^option\((PENSTOCK_\w+)", read("CMakeLists.txt"), re.MULTILINE))
    text = read(VCPKG / "portfile.cmake")
    for name in re.findall(r"\bPENSTOCK_\w+", re.sub(r"ENV\{PENSTOCK_SOURCE\}|set PENSTOCK_SOURCE", "", text)):
        if name not in options:
            report.add(VCPKG / "portfile.cmake", 1, f"{name} is no option of CMakeLists.txt")
    features = json.loads(read(VCPKG / "vcpkg.json"))["features"]
    # vcpkg has a port for each part of Boost.
    included = set(re.findall(r"^#include <boost/(\w+)", "".join(map(read, files("*.hpp", under="include"))), re.MULTILINE))
    wanted = {f"boost-{NO_PART.get(part, part)}" for part in included}
    listed = {port["name"] for port in features["loop"]["dependencies"] if port["name"].startswith("boost-")}
    for name in sorted(wanted ^ listed):
        report.add(VCPKG / "vcpkg.json", 1, f"{name} is {'listed and not included' if name in listed else 'included and not listed'}")
    asked = re.search(r"vcpkg_check_features\(([^)]*)\)", text)
    for feature in features:
        if not asked or feature not in asked[1].split():
            report.add(VCPKG / "portfile.cmake", 1, f"the feature {feature} of vcpkg.json is not asked for")


def main():
    report = Report()
    for name, patterns in NEEDS.items():
        for library, pattern, asked in zip(LIBRARIES, patterns, NEEDS[CMAKE]):
            wanted = re.search(asked, read(CMAKE))[1]
            found = re.search(pattern, read(name))
            if not found or without_zeros(found[1]) != without_zeros(wanted):
                report.add(name, 1, f"needs {library} {found and found[1]}, and CMake asks for {wanted}")
    for copy, original in COPIES.items():
        if not filecmp.cmp(ROOT / copy, ROOT / original, shallow=False):
            report.add(copy, 1, f"differs from {original}")
    for path in files("*.py", under=str(CONAN)):
        try:
            ast.parse(read(path))
        except SyntaxError as error:
            report.add(path, error.lineno or 1, error.msg)
    check_port(report)

    headers = {path.relative_to("include") for path in files(under="include")}
    for path in sorted(headers):
        if path.suffix != ".hpp":
            report.add(f"include/{path}", 1, "only *.hpp are installed and packed")
    with tempfile.TemporaryDirectory() as scratch:
        build, prefix = pathlib.Path(scratch, "build"), pathlib.Path(scratch, "prefix")
        output_of(["cmake", "-S", ROOT, "-B", build, "-DPENSTOCK_CORE_ONLY=ON"])
        output_of(["cmake", "--install", build, "--prefix", prefix])
        installed = {path.relative_to(prefix / "include") for path in prefix.glob("include/**/*") if path.is_file()}
        for path in sorted(headers - installed):
            report.add(f"include/{path}", 1, "is not installed by CMake")
        for path in sorted(installed - headers):
            report.add("CMakeLists.txt", 1, f"installs {path}, which is no header of the project")
        cache = (build / "CMakeCache.txt").read_text(encoding="utf-8")
        version = re.search(r"^CMAKE_PROJECT_VERSION:STATIC=(.*)$", cache, re.MULTILINE)[1]
        check_versions(report, prefix, version)

    single = [output_of([sys.executable, ROOT / "tools/single_header.py"], env={**os.environ, "PYTHONHASHSEED": seed})
              for seed in ("1", "2")]
    if single[0] != single[1]:
        report.add("tools/single_header.py", 1, "two runs write two different headers")
    report.end(f"version {version}, {len(headers)} headers in every package")


main()
