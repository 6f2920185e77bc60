// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/ssl/error.hpp>
#include <boost/system/system_error.hpp>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "penstock/connect/net/async.hpp"

// Not an operator: what OpenSSL is told once, for all connections of a client or server.

namespace penstock {

/// The oldest version of TLS that is spoken; anything before 1.2 is broken and not to be had.
enum class TlsVersion : std::uint8_t { tls_1_2, tls_1_3 };

namespace detail {

template <auto Free>
struct FreeWith {
  template <class T>
  void operator()(T* owned) const noexcept {
    Free(owned);
  }
};
template <class T, auto Free>
using OpenSslPtr = std::unique_ptr<T, FreeWith<Free>>;
using BioPtr = OpenSslPtr<BIO, BIO_free>;
using CertificatePtr = OpenSslPtr<X509, X509_free>;
using KeyPtr = OpenSslPtr<EVP_PKEY, EVP_PKEY_free>;

/// What OpenSSL noted last, as an error of Asio's category; its notes end here.
inline boost::system::error_code openssl_error() noexcept {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  return {static_cast<int>(code), asio::error::get_ssl_category()};
}
[[noreturn, gnu::cold]] inline void tls_error(const std::string& what) {
  boost::system::error_code error = openssl_error();
  if (!error) error = make_error_code(boost::system::errc::invalid_argument);
  throw boost::system::system_error(error, what);
}

/// An SSL_CTX. Errors of its functions begin with `who`.
class TlsContext {
 public:
  TlsContext(const char* who, const SSL_METHOD* method, TlsVersion minimum) : who_(who), made_(SSL_CTX_new(method)) {
    if (!made_) fail("OpenSSL gives no context");
    SSL_CTX_set_min_proto_version(get(), minimum == TlsVersion::tls_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION);
    SSL_CTX_set_options(get(), SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_mode(get(), SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(get(), SSL_SESS_CACHE_OFF);
  }

  SSL_CTX* get() const noexcept { return made_.get(); }

  /// @param chain, key  PEM: a file, or the text itself.
  void use(const std::string& chain, const std::string& key, std::string password) {
    const BioPtr chain_text = pem("the certificate", chain);
    const CertificatePtr own{PEM_read_bio_X509_AUX(chain_text.get(), nullptr, no_password, nullptr)};
    if (!own) fail("there is no certificate in " + named(chain));
    if (SSL_CTX_use_certificate(get(), own.get()) != 1) fail("cannot use the certificate in " + named(chain));
    while (X509* next = PEM_read_bio_X509(chain_text.get(), nullptr, no_password, nullptr)) {
      if (SSL_CTX_add0_chain_cert(get(), next) != 1) {
        X509_free(next);
        fail("cannot use the certificates in " + named(chain));
      }
    }
    ERR_clear_error();  // behind the last one there is none

    const BioPtr key_text = pem("the key", key);
    const KeyPtr own_key{PEM_read_bio_PrivateKey(key_text.get(), nullptr, give_password, &password)};
    if (!own_key) fail("there is no key that can be read in " + named(key));
    if (SSL_CTX_use_PrivateKey(get(), own_key.get()) != 1 || SSL_CTX_check_private_key(get()) != 1) {
      fail("the key in " + named(key) + " does not belong to the certificate in " + named(chain));
    }
  }

  void trust_system() {
    if (SSL_CTX_set_default_verify_paths(get()) != 1) fail("cannot find the CA certificates of the system");
  }
  /// @param authorities  PEM: a file, a directory as `openssl rehash` makes it, or the text itself.
  void trust(const std::string& authorities) {
    std::error_code ignored;
    if (!is_text(authorities) && std::filesystem::is_directory(authorities, ignored)) {
      if (SSL_CTX_load_verify_dir(get(), authorities.c_str()) != 1) fail("cannot trust " + named(authorities));
      return;
    }
    const BioPtr text = pem("the CA certificates", authorities);
    X509_STORE* store = SSL_CTX_get_cert_store(get());
    std::size_t count = 0;
    for (;; ++count) {
      const CertificatePtr authority{PEM_read_bio_X509_AUX(text.get(), nullptr, no_password, nullptr)};
      if (!authority) break;
      if (X509_STORE_add_cert(store, authority.get()) != 1) fail("cannot trust " + named(authorities));
    }
    if (count == 0) fail("there is no certificate in " + named(authorities));
    ERR_clear_error();
  }
  /// Asks clients for a certificate of those CAs.
  void ask_clients(const std::string& authorities) {
    trust(authorities);
    SSL_CTX_set_verify(get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    static constexpr unsigned char id[] = "penstock";
    SSL_CTX_set_session_id_context(get(), id, sizeof(id) - 1);
  }

  /// The names of protocols as TLS sends them.
  std::vector<unsigned char> alpn_list(const std::vector<std::string>& names) const {
    std::vector<unsigned char> list;
    for (const std::string& name : names) {
      if (name.empty() || name.size() > 255) bad_argument(std::string{who_} + ": an ALPN name has 1 to 255 characters");
      list.push_back(static_cast<unsigned char>(name.size()));
      list.insert(list.end(), name.begin(), name.end());
    }
    return list;
  }

  [[noreturn, gnu::cold]] void fail(const std::string& what) const { tls_error(std::string{who_} + ": " + what); }

 private:
  static bool is_text(std::string_view given) noexcept { return given.find("-----BEGIN") != std::string_view::npos; }
  static std::string named(const std::string& given) { return is_text(given) ? "the given text" : given; }

  BioPtr pem(const char* what, const std::string& given) const {
    std::string text = given;
    if (!is_text(given)) {
      std::error_code error;
      if (std::filesystem::is_directory(given, error)) error = make_error_code(std::errc::is_a_directory);
      std::ifstream file{given, std::ios::binary};
      if (!error && !file) error = std::error_code(errno, std::generic_category());
      if (error) {
        const boost::system::error_code code(error.value(), boost::system::generic_category());
        throw boost::system::system_error(code, std::string{who_} + ": cannot read " + what + " in " + given);
      }
      text.assign(std::istreambuf_iterator<char>{file}, {});
    }
    if (text.size() > INT_MAX) bad_argument(std::string{who_} + ": " + what + " is too long");
    BioPtr copy{BIO_new(BIO_s_mem())};
    if (!copy || BIO_write(copy.get(), text.data(), static_cast<int>(text.size())) != static_cast<int>(text.size())) {
      if (!text.empty()) fail(std::string{"no memory for "} + what);
    }
    return copy;
  }

  // Without them OpenSSL would ask at the terminal.
  static int no_password(char*, int, int, void*) { return -1; }
  static int give_password(char* to, int size, int, void* given) {
    const auto& password = *static_cast<const std::string*>(given);
    if (password.empty() || password.size() > static_cast<std::size_t>(size)) return -1;
    return static_cast<int>(password.copy(to, password.size()));
  }

  const char* who_;
  OpenSslPtr<SSL_CTX, SSL_CTX_free> made_;
};

}  // namespace detail
}  // namespace penstock
