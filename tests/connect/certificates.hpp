// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdlib>
#include <stdexcept>
#include <string>

#include "temporary_directory.hpp"

namespace penstock::test {

/// A CA and the certificates that the tests of TLS need, made by `openssl` in a directory of their own.
class Certificates {
 public:
  /// Made once in a program.
  static const Certificates& all() {
    static const Certificates made;
    return made;
  }

  /// A file: ca.pem, <name>.pem and <name>.key, with the names below.
  std::string operator[](const std::string& file) const { return (directory_ / file).string(); }
  std::string text(const std::string& file) const { return directory_.read(file); }

 private:
  Certificates() {
    authority("ca", "Penstock Test CA");
    authority("stranger_ca", "A Stranger");
    issue("server", "DNS:localhost,DNS:*.example.org,IP:127.0.0.1");
    issue("other", "DNS:other.example");
    issue("expired", "DNS:localhost,IP:127.0.0.1", "ca", "-1");
    issue("stranger", "DNS:localhost,IP:127.0.0.1", "stranger_ca");
    issue("client", "DNS:client.example");
    issue("stranger_client", "DNS:client.example", "stranger_ca");
    key("self_signed");
    run("openssl req -x509 -new -key self_signed.key -subj /CN=localhost -days 30 -out self_signed.pem "
        "-addext subjectAltName=DNS:localhost,IP:127.0.0.1");
  }

  void key(const std::string& name) {
    run("openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out " + name + ".key");
  }
  void authority(const std::string& name, const std::string& subject) {
    key(name);
    run("openssl req -x509 -new -key " + name + ".key -subj '/CN=" + subject + "' -days 30 -out " + name + ".pem");
  }
  void issue(const std::string& name, const std::string& names, const std::string& by = "ca",
             const std::string& days = "30") {
    key(name);
    directory_.write("names", "subjectAltName=" + names + "\n");
    run("openssl req -new -key " + name + ".key -subj '/CN=" + name + "' -out request");
    run("openssl x509 -req -in request -CA " + by + ".pem -CAkey " + by + ".key -CAcreateserial -days " + days +
        " -extfile names -out " + name + ".pem");
  }
  void run(const std::string& command) {
    const std::string all = "cd '" + directory_.path().string() + "' && " + command + " >log 2>&1";
    if (std::system(all.c_str()) != 0) throw std::runtime_error(command + ":\n" + directory_.read("log"));
  }

  TemporaryDirectory directory_;
};

}  // namespace penstock::test
