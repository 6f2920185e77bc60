// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/error.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/redirect_error.hpp>
#include <openssl/ssl.h>

#include "penstock/connect/net/async.hpp"
#include "penstock/connect/net/connect.hpp"
#include "penstock/connect/net/security.hpp"
#include "penstock/connect/tls/tls_context.hpp"
#include "penstock/connect/tls/tls_stream.hpp"

// Not an operator: what is given to sources and sinks as their security.

namespace penstock {

/// What a client of TLS asks of servers and shows to them. Certificates and keys are PEM: the path of a file, or
/// the text itself.
struct TlsClient {
  std::string trust{};        ///< CAs, in place of those of the system; may be a directory made by `openssl rehash`
  std::string certificate{};  ///< the client's own, with its chain; empty: it shows none
  std::string key{};          ///< of that certificate
  std::string key_password{};
  std::string host{};               ///< the name that the server's certificate is for; empty: the host connected to
  std::vector<std::string> alpn{};  ///< protocols to offer, the best first, such as "http/1.1"
  TlsVersion minimum = TlsVersion::tls_1_2;
  /// Talks to anybody who answers. What is sent is encrypted, and nobody knows for whom.
  bool insecure_without_any_verification = false;
};

/// What a server of TLS asks of clients. The same kinds of texts as in TlsClient.
struct TlsServer {
  std::string clients{};  ///< CAs; every client must show a certificate of theirs. Empty: clients are not asked
  std::string key_password{};
  std::vector<std::string> alpn{};  ///< protocols it takes, the best first; clients that offer others only are refused
  TlsVersion minimum = TlsVersion::tls_1_2;
  bool session_tickets = true;  ///< clients that come again agree more quickly
};

namespace detail {

/// The socket of a connection that is not secured yet.
inline Socket take_socket(const char* who, ByteStream& plain) {
  auto* stream = dynamic_cast<PlainStream*>(plain.impl().get());
  if (!stream) misuse(std::string{who} + ": only a plain TCP connection can be secured");
  return std::move(stream->socket());
}

inline std::string text_of_name(X509_NAME* name) {
  const BioPtr text{BIO_new(BIO_s_mem())};
  if (!text || !name || X509_NAME_print_ex(text.get(), name, 0, XN_FLAG_ONELINE & ~ASN1_STRFLGS_ESC_MSB) < 0) return "?";
  char* begin = nullptr;
  const long size = BIO_get_mem_data(text.get(), &begin);
  return {begin, static_cast<std::size_t>(size)};
}
inline std::string text_of_time(const ASN1_TIME* time) {
  const BioPtr text{BIO_new(BIO_s_mem())};
  if (!text || ASN1_TIME_print(text.get(), time) != 1) return "?";
  char* begin = nullptr;
  const long size = BIO_get_mem_data(text.get(), &begin);
  return {begin, static_cast<std::size_t>(size)};
}

/// The names that a certificate is for.
inline std::string hosts_of(X509* certificate) {
  struct Names {
    GENERAL_NAMES* names;
    ~Names() { GENERAL_NAMES_free(names); }
  };
  const Names all{static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr))};
  std::string text;
  constexpr int shown = 8;
  const int count = all.names ? sk_GENERAL_NAME_num(all.names) : 0;
  for (int i = 0; i < count && i < shown; ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(all.names, i);
    if (name->type == GEN_DNS) {
      const auto* at = reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName));
      text += (text.empty() ? "" : ", ") + std::string{at, static_cast<std::size_t>(ASN1_STRING_length(name->d.dNSName))};
    } else if (name->type == GEN_IPADD) {
      const unsigned char* at = ASN1_STRING_get0_data(name->d.iPAddress);
      std::string address = "an address";
      if (ASN1_STRING_length(name->d.iPAddress) == 4) {
        address = asio::ip::address_v4({at[0], at[1], at[2], at[3]}).to_string();
      }
      text += (text.empty() ? "" : ", ") + address;
    }
  }
  if (count > shown) text += ", ...";
  return text.empty() ? text_of_name(X509_get_subject_name(certificate)) : text;
}

/// Why the certificate of the other side was not accepted.
inline std::string words_of_certificate(long result, X509* certificate, const std::string& host) {
  switch (result) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return "its certificate has expired, on " + text_of_time(X509_get0_notAfter(certificate));
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return "its certificate is not valid before " + text_of_time(X509_get0_notBefore(certificate));
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return "its certificate is for " + hosts_of(certificate) + " and not for " + host;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
      return "its certificate is self-signed, which anybody can make";
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
      return "its certificate is by a CA that is not trusted here: " + text_of_name(X509_get_issuer_name(certificate));
    case X509_V_ERR_CERT_REVOKED: return "its certificate was revoked";
    case X509_V_ERR_INVALID_PURPOSE: return "its certificate is not meant for this use";
    default: return std::string{"its certificate is not valid: "} + X509_verify_cert_error_string(result);
  }
}

/// Why there was no agreement.
inline std::string words_of_handshake(TlsStream& stream, const boost::system::error_code& error, const std::string& host) {
  if (error.category() != asio::error::get_ssl_category()) {
    if (error == asio::error::eof || error == asio::error::connection_reset || error == asio::error::broken_pipe) {
      return "the connection was closed before TLS had agreed";
    }
    return error.message();
  }
  switch (ERR_GET_REASON(static_cast<unsigned long>(static_cast<unsigned int>(error.value())))) {
    case SSL_R_CERTIFICATE_VERIFY_FAILED:
      if (!stream.refused()) return "its certificate is not valid";
      return words_of_certificate(SSL_get_verify_result(stream.ssl()), stream.refused(), host);
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE: return "it showed no certificate, and must";
    case SSL_R_HTTP_REQUEST:
    case SSL_R_HTTPS_PROXY_REQUEST: return "it speaks HTTP without TLS";
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_PACKET_LENGTH_TOO_LONG:
    case SSL_R_RECORD_LENGTH_MISMATCH:
    case SSL_R_BAD_RECORD_TYPE: return "it does not speak TLS";
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_VERSION_TOO_LOW:
    case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
      return "it speaks no version of TLS that is allowed here, or we none that it allows";
    case SSL_R_NO_SHARED_CIPHER:
    case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE: return "there is no way of encryption that both sides allow";
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA: return "it does not trust the CA of our certificate";
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN: return "it does not accept our certificate";
    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED: return "it asks for a client certificate";
    case SSL_R_NO_APPLICATION_PROTOCOL:
    case SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL: return "there is no protocol that both sides speak (ALPN)";
    default: return error.message();
  }
}

/// The handshake, and what went wrong in words.
inline Async<ByteStream> agree(std::shared_ptr<TlsStream> stream, std::string peer, std::string host, bool from_client) {
  boost::system::error_code error;
  co_await stream->async_handshake(asio::redirect_error(awaited, error));
  if (!error) co_return ByteStream{std::move(stream), std::move(peer)};
  std::string words = words_of_handshake(*stream, error, host);
  stream->close();
  if (error == asio::error::operation_aborted) throw boost::system::system_error(error);
  net_error(error, from_client ? "TLS: " + words : "TLS: no agreement with " + peer + ": " + words);
}

class TlsClientSecurity final : public Security {
 public:
  explicit TlsClientSecurity(TlsClient options)
      : options_(std::move(options)), context_("tls_client", TLS_client_method(), options_.minimum) {
    if (options_.insecure_without_any_verification) {
      SSL_CTX_set_verify(context_.get(), SSL_VERIFY_NONE, nullptr);
    } else {
      SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER, nullptr);
      options_.trust.empty() ? context_.trust_system() : context_.trust(options_.trust);
    }
    if (options_.certificate.empty() != options_.key.empty()) {
      bad_argument("tls_client: a certificate needs its key, and a key its certificate");
    }
    if (!options_.certificate.empty()) context_.use(options_.certificate, options_.key, options_.key_password);
    const std::vector<unsigned char> protocols = context_.alpn_list(options_.alpn);
    if (!protocols.empty() &&
        SSL_CTX_set_alpn_protos(context_.get(), protocols.data(), static_cast<unsigned int>(protocols.size())) != 0) {
      context_.fail("cannot offer the ALPN protocols");
    }
  }

  Async<ByteStream> connected(ByteStream plain, std::string host) const override {
    if (!options_.host.empty()) host = options_.host;
    std::string peer = plain.peer();
    auto stream = std::make_shared<TlsStream>(take_socket("tls_client", plain), context_);
    expect(*stream, host);
    SSL_set_connect_state(stream->ssl());
    return agree(std::move(stream), std::move(peer), std::move(host), true);
  }
  Async<ByteStream> accepted(ByteStream) const override {
    misuse("tls_client: this is for clients; a server takes tls_server");
  }

 private:
  void expect(TlsStream& stream, std::string& host) const {
    if (host.size() > 1 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
    if (host.ends_with('.')) host.pop_back();
    boost::system::error_code not_an_address;
    asio::ip::make_address(host, not_an_address);
    if (not_an_address && !host.empty()) SSL_set_tlsext_host_name(stream.ssl(), host.c_str());
    if (options_.insecure_without_any_verification) return;
    // An empty name would be any name.
    if (host.empty()) misuse("tls_client: there is no host name to verify");
    SSL_set_hostflags(stream.ssl(), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    const int set = not_an_address ? SSL_set1_host(stream.ssl(), host.c_str())
                                   : X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(stream.ssl()), host.c_str());
    if (set != 1) tls_error("tls_client: no certificate can be for " + host);
  }

  TlsClient options_;
  TlsContext context_;
};

class TlsServerSecurity final : public Security {
 public:
  TlsServerSecurity(const std::string& certificate, const std::string& key, TlsServer options)
      : options_(std::move(options)), context_("tls_server", TLS_server_method(), options_.minimum) {
    context_.use(certificate, key, options_.key_password);
    if (!options_.clients.empty()) context_.ask_clients(options_.clients);
    if (!options_.session_tickets) {
      SSL_CTX_set_options(context_.get(), SSL_OP_NO_TICKET);
      SSL_CTX_set_num_tickets(context_.get(), 0);
    }
    protocols_ = context_.alpn_list(options_.alpn);
    if (!protocols_.empty()) SSL_CTX_set_alpn_select_cb(context_.get(), select, &protocols_);
  }

  Async<ByteStream> connected(ByteStream, std::string) const override {
    misuse("tls_server: this is for servers; a client takes tls_client");
  }
  Async<ByteStream> accepted(ByteStream plain) const override {
    std::string peer = plain.peer();
    auto stream = std::make_shared<TlsStream>(take_socket("tls_server", plain), context_);
    SSL_set_accept_state(stream->ssl());
    return agree(std::move(stream), std::move(peer), {}, false);
  }

 private:
  static int select(SSL*, const unsigned char** chosen, unsigned char* size, const unsigned char* offered,
                    unsigned int offered_size, void* given) {
    const auto& ours = *static_cast<const std::vector<unsigned char>*>(given);
    unsigned char* out = nullptr;
    const int found = SSL_select_next_proto(&out, size, ours.data(), static_cast<unsigned int>(ours.size()), offered,
                                            offered_size);
    *chosen = out;
    return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
  }

  TlsServer options_;
  TlsContext context_;
  std::vector<unsigned char> protocols_;
};

}  // namespace detail

/// TLS for clients: for the `security` of sinks and sources that connect to a server.
///
///     stream | sink_to_tcp("db.example.org:9876", {.security = tls_client()});
///
/// Unless `options` say otherwise the server's certificate must be by a CA that the system trusts, valid now, and for
/// the host that was connected to, whose name is sent along (SNI); TLS is at least 1.2. A connection that fails says
/// which of these it was. One `tls_client()` serves any number of connections, on any number of loops.
///
/// How long agreeing may take is part of the time-out of connecting. When the other side closes the connection
/// without saying its end in TLS, that is the end as without TLS; formats that know their length see it.
///
/// @throws boost::system::system_error for a certificate or key that cannot be read or used; std::invalid_argument.
inline SecurityPtr tls_client(TlsClient options = {}) {
  return std::make_shared<const detail::TlsClientSecurity>(std::move(options));
}

/// TLS for servers: for the `security` of sources and sinks that accept connections.
///
///     from_tcp(loop, {.endpoint = {"0.0.0.0", 9876}, .security = tls_server("server.pem", "server.key")});
///
/// @param certificate  PEM: the path of a file or the text itself, the server's own certificate first and then those
///                     of the CAs between it and one that clients trust.
/// @param key          PEM, of that certificate.
///
/// TLS is at least 1.2. How long a client may take to agree is the `handshake` time-out of the server, 10 seconds
/// unless it says otherwise. Sessions are kept by the clients, as tickets: the server remembers nothing of them.
///
/// @throws boost::system::system_error for a certificate or key that cannot be read or used; std::invalid_argument.
inline SecurityPtr tls_server(const std::string& certificate, const std::string& key, TlsServer options = {}) {
  return std::make_shared<const detail::TlsServerSecurity>(certificate, key, std::move(options));
}

}  // namespace penstock
