// SPDX-License-Identifier: BSL-1.0
// Lines over TLS, to a server with a certificate that we have made ourselves. A client that was told to trust it talks to
// it; one that trusts what the system trusts does not.
#include <fmt/core.h>

#include <cstdlib>
#include <exception>
#include <filesystem>
#include <string>

#include <penstock/connect/tcp.hpp>
#include <penstock/connect/tls.hpp>
#include <penstock/penstock.hpp>

// As `openssl` makes one for trying things out. Texts that are PEM may be given in place of the paths.
bool make_certificate(const std::string& certificate, const std::string& key) {
  const std::string command =
      "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=localhost "
      "-addext subjectAltName=DNS:localhost -out '" + certificate + "' -keyout '" + key + "' 2>/dev/null";
  return std::system(command.c_str()) == 0;
}

int main() {
  const std::filesystem::path directory = std::filesystem::temp_directory_path();
  const std::string certificate = directory / "penstock_example.pem";
  const std::string key = directory / "penstock_example.key";
  if (!make_certificate(certificate, key)) return 1;
  penstock::EventLoop loop;

  const auto server = penstock::from_tcp(loop, 0, {.security = penstock::tls_server(certificate, key)});
  server.sink([](const std::string& line) { fmt::print("server: {}\n", line); });
  server.on_background_error([](std::exception_ptr, const penstock::Info&) { fmt::print("server: a client went away\n"); });
  server.start();
  const penstock::Endpoint there{"localhost", server.port()};

  const auto security = penstock::tls_client({.trust = certificate});
  penstock::Stream<std::string> lines{loop};
  lines | penstock::sink_to_tcp(there, {.security = security});
  for (const char* line : {"hello", "nobody else can read this"}) lines.emit(line);
  lines.close();

  penstock::Stream<std::string> secrets{loop};
  secrets.on_background_error([](std::exception_ptr error, const penstock::Info&) {
    try {
      std::rethrow_exception(error);
    } catch (const std::exception& e) {
      const std::string what = e.what();
      const std::size_t begin = what.find("TLS: ");
      fmt::print("client: {}\n", what.substr(begin, what.find(',') - begin));
    }
  });
  secrets | penstock::sink_to_tcp(there, {.reconnect = {.attempts = 1}, .security = penstock::tls_client()});
  secrets.emit("a secret");
  secrets.wait_idle();
  server.stop();
}
