#if VARVE_TLS
    import Foundation
    import Testing
    import VarvePlatform
    import VarveSimulation

    @Suite struct TLSTests {
        let authority: TestAuthority
        let server: TestAuthority.Leaf

        init() throws {
            authority = try TestAuthority()
            server = try authority.leaf("server")
        }

        private var serverSettings: TLSSettings {
            var settings = TLSSettings()
            settings.certificates = .file(server.certificate)
            settings.key = .file(server.key)
            return settings
        }

        private var clientSettings: TLSSettings {
            var settings = TLSSettings()
            settings.authorities = .file(authority.certificate)
            return settings
        }

        @Test(arguments: TLSVersion.allCases)
        func manyBytesCrossASessionBothWaysAndItsEndIsSeen(_ version: TLSVersion) throws {
            var settings = serverSettings
            settings.versions = [version]
            let pair = try TLSPair(server: settings, client: clientSettings)
            #expect(pair.client.stream.summary.hasPrefix(version.rawValue))
            #expect(pair.client.stream.summary.contains("CN=server"))
            for seed in UInt64(1)...2 {
                // Pieces of all sizes, some empty, more than the socket's buffers hold.
                var random = Generator(seed: seed)
                let pieces = (0..<30).map { _ in
                    let bytesMax = random.int(0...2) == 0 ? 200_000 : 90
                    let count = random.int(0...bytesMax)
                    let start = random.int(0...255)
                    return ByteSlice((0..<count).map { UInt8(truncatingIfNeeded: start &+ $0) })
                }
                let whole = pieces.flatMap(\.array)
                #expect(try pair.carry(pieces, fromClient: true) == whole)
                #expect(try pair.carry(pieces, fromClient: false) == whole)
            }
            pair.client.stream.close()
            #expect(try pair.server.read(upTo: 64) == ByteSlice())
        }

        @Test func aServerOfAnotherAuthorityIsRefused() throws {
            let other = try TestAuthority("Somebody Else")
            var settings = clientSettings
            settings.authorities = .file(other.certificate)
            let (client, broker) = try TLSPair.failures(server: serverSettings, client: settings)
            #expect(client.contains("its authority is not among the trusted ones"))
            #expect(broker.contains("does not trust this side's certificate"))
        }

        @Test func anExpiredCertificateIsRefused() throws {
            let old = try authority.leaf("old", days: -1)
            var settings = serverSettings
            settings.certificates = .file(old.certificate)
            settings.key = .file(old.key)
            let (client, broker) = try TLSPair.failures(server: settings, client: clientSettings)
            #expect(client.contains("certificate has expired"))
            #expect(broker.contains("expired"))
        }

        @Test func aCertificateForAnotherHostIsRefusedUnlessTheNameDoesNotCount() throws {
            let other = try authority.leaf("other", names: "DNS:elsewhere.example,IP:127.0.0.2")
            var settings = serverSettings
            settings.certificates = .file(other.certificate)
            settings.key = .file(other.key)
            var client = clientSettings
            let (failure, _) = try TLSPair.failures(server: settings, client: client)
            #expect(failure.contains("it is for other names than the one asked for"))
            client.verifiesHostName = false
            _ = try TLSPair(server: settings, client: client)
        }

        @Test func aClientWithoutTheCertificateThatIsRequiredIsRefused() throws {
            var settings = serverSettings
            settings.clientAuthentication = .required
            settings.authorities = .file(authority.certificate)
            let (_, broker) = try TLSPair.failures(server: settings, client: clientSettings)
            #expect(broker.contains("the client showed no certificate"))

            let own = try authority.leaf("shipper")
            var client = clientSettings
            client.certificates = .file(own.certificate)
            client.key = .file(own.key)
            let pair = try TLSPair(server: settings, client: client)
            #expect(pair.server.stream.summary.contains("CN=shipper"))

            // Signed by somebody whom the server does not know.
            let other = try TestAuthority("Somebody Else")
            let stranger = try other.leaf("stranger")
            client.certificates = .file(stranger.certificate)
            client.key = .file(stranger.key)
            let (_, refusal) = try TLSPair.failures(server: settings, client: client)
            #expect(refusal.contains("the peer's certificate was refused"))

            settings.clientAuthentication = .requested
            let anonymous = try TLSPair(server: settings, client: clientSettings)
            #expect(!anonymous.server.stream.summary.contains("CN="))
        }

        @Test func sidesWithoutACommonVersionSaySo() throws {
            var server = serverSettings
            var client = clientSettings
            server.versions = [.v13]
            client.versions = [.v12]
            let (clientError, serverError) = try TLSPair.failures(server: server, client: client)
            #expect(serverError.contains("no version in common"))
            #expect(clientError.contains("no version in common"))
        }

        @Test func aPeerThatSpeaksSomethingElseIsToldFromOneThatFails() throws {
            let cases: [(bytes: ByteSlice, text: String)] = [
                ("GET / HTTP/1.1\r\nHost: x\r\n\r\n", "began with \"GET / HTTP/1.1\""),
                (ByteSlice([0, 0, 0, 20, 0, 18, 0, 3]), "Kafka's protocol in plain"),
                (ByteSlice([0x80, 0xFF, 1, 2, 3, 4, 5, 6]), "began with 80 ff"),
                (ByteSlice([22, 3, 1, 0, 5, 1, 2, 3, 4, 5, 6, 7, 8]), "TLS handshake with"),
            ]
            for (bytes, text) in cases {
                let listener = try Socket.listen(Endpoint(host: "127.0.0.1", port: 0))
                let client = try Socket.connect(
                    Endpoint(host: "127.0.0.1", port: listener.localPort),
                    timeoutMilliseconds: 1000)
                _ = try listener.waitReadable(timeoutMilliseconds: 1000)
                guard let socket = try listener.accept() else {
                    Issue.record("nobody waits")
                    return
                }
                var stream = SocketStream(
                    socket, serving: try TLSContext.server(serverSettings))
                #expect(try client.write([bytes], from: 0) == bytes.count)
                client.shutdown()
                var error: TLSError?
                do throws(TLSError) {
                    while try stream.handshake() != nil {
                        _ = try? stream.socket.waitReadable(timeoutMilliseconds: 1000)
                    }
                } catch let failure {
                    error = failure
                }
                #expect(error?.description.contains(text) == true, "\(error as Any)")
            }
        }

        @Test func whatCannotBeUsedIsNamed() throws {
            let locked = try authority.leaf("locked", password: "sesame")
            let garbage = "\(authority.directory)/garbage.pem"
            try "nothing".write(toFile: garbage, atomically: true, encoding: .utf8)
            func problem(_ change: (inout TLSSettings) -> Void) -> String {
                var settings = serverSettings
                change(&settings)
                return tlsFailure { () throws(TLSError) in
                    _ = try TLSContext.server(settings)
                }?.description ?? "none"
            }
            #expect(problem { $0.certificates = .file("/nowhere.pem") }.contains("/nowhere.pem"))
            let none = problem { $0.certificates = .file(garbage) }
            #expect(none.contains(garbage) && none.contains("no certificate in it"))
            #expect(problem { $0.key = .file(garbage) }.contains("no private key in it"))
            let foreign = problem { $0.key = .file("\(authority.directory)/ca.key") }
            #expect(foreign.contains("belongs to none of the certificates"))
            #expect(problem { $0.key = nil }.contains("needs its private key"))
            #expect(problem { $0.key = .file(locked.key) }.contains("no password is given"))
            let wrong = problem {
                $0.key = .file(locked.key)
                $0.keyPassword = "wrong-secret"
            }
            #expect(wrong.contains("does not open with the password"))
            #expect(!wrong.contains("wrong-secret"))
            #expect(
                problem { $0.clientAuthentication = .required }.contains("ssl.truststore.location"))
            #expect(problem { $0.versions = [] }.contains("no version"))

            var settings = serverSettings
            settings.certificates = .file(locked.certificate)
            settings.key = .file(locked.key)
            settings.keyPassword = "sesame"
            _ = try TLSPair(server: settings, client: clientSettings)
            // Inline, key and certificate in one text, the key first.
            let text =
                try String(contentsOfFile: server.key, encoding: .utf8)
                + String(contentsOfFile: authority.certificate, encoding: .utf8)
                + String(contentsOfFile: server.certificate, encoding: .utf8)
            settings = TLSSettings()
            settings.certificates = .inline(text, name: "ssl.keystore.certificate.chain")
            settings.key = .inline(text, name: "ssl.keystore.key")
            _ = try TLSPair(server: settings, client: clientSettings)
        }

        @Test func anIdentityFollowsItsFilesAndOutlivesHalfAChange() throws {
            let next = try authority.leaf("next")
            let identity = try TLSIdentity(serverSettings, isServer: true)
            #expect(identity.context.subject == "CN=server")
            #expect(try !identity.reload())
            let key = try Data(contentsOf: URL(fileURLWithPath: next.key))
            let certificate = try Data(contentsOf: URL(fileURLWithPath: next.certificate))
            try key.write(to: URL(fileURLWithPath: server.key))
            let error = tlsFailure { () throws(TLSError) in _ = try identity.reload() }
            #expect(error?.description.contains("belongs to none") == true)
            // What could not be used is looked at again, though it has not changed since.
            #expect(tlsFailure { () throws(TLSError) in _ = try identity.reload() } == error)
            #expect(identity.context.subject == "CN=server")
            try certificate.write(to: URL(fileURLWithPath: server.certificate))
            #expect(try identity.reload())
            #expect(identity.context.subject == "CN=next")
            #expect(identity.context.notAfter ?? 0 > SystemClock().wallMilliseconds())
        }

        @Test func oneReadTakesABoundedShareOfWhatIsThere() throws {
            let pair = try TLSPair(server: serverSettings, client: clientSettings)
            let piece = ByteSlice([UInt8](repeating: 1, count: 32 << 20))
            let writer = NamedThread("writer") { [end = pair.client] in
                var sent = 0
                while sent < piece.count {
                    guard let count = try? end.stream.write([piece], from: sent) else { return }
                    sent += count
                    if count == 0 { end.wait(.write) }
                }
            }
            var total = 0
            while total < piece.count, let bytes = try pair.server.read(upTo: 64 << 20) {
                #expect(bytes.count <= 2 << 20)
                total += bytes.count
                if bytes.isEmpty { break }
            }
            writer.join()
            #expect(total == piece.count)
        }

        @Test func aConnectionThatNobodyAnswersEndsInTime() throws {
            let listener = try Socket.listen(Endpoint(host: "127.0.0.1", port: 0))
            let endpoint = Endpoint(host: "127.0.0.1", port: listener.localPort)
            let error = tlsFailure { () throws(TLSError) in
                _ = try SocketStream.connect(
                    endpoint, tls: try TLSContext.client(clientSettings), timeoutMilliseconds: 200)
            }
            #expect(error?.systemError?.errno == SystemError.etimedout)
        }
    }
#endif
