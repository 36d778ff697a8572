#if VARVE_TLS
    import Foundation
    import Testing
    import VarveLog
    import VarvePlatform
    import VarveSimulation
    import VarveWire

    @testable import VarveBroker

    /// Who a client is by its certificate, and what that is for: access rules and quotas.
    @Suite(.serialized) struct TLSPrincipalTests {
        let authority: TestAuthority
        let alice: TestAuthority.Leaf
        let bob: TestAuthority.Leaf

        init() throws {
            authority = try TestAuthority()
            alice = try authority.leaf("alice", subject: "/O=example/OU=soc/CN=alice")
            bob = try authority.leaf("bob", subject: "/O=example/OU=soc/CN=bob")
        }

        /// A broker with a plain listener and one that asks for certificates, in this order.
        private func broker(
            _ settings: [String: String] = [:], clientAuthentication: String = "requested"
        ) throws -> TestBroker {
            let server = try authority.leaf("broker")
            let store = "\(authority.directory)/store.pem"
            try (String(contentsOfFile: server.key, encoding: .utf8)
                + String(contentsOfFile: server.certificate, encoding: .utf8))
                .write(toFile: store, atomically: true, encoding: .utf8)
            let own = [
                "ssl.keystore.location": store, "ssl.client.auth": clientAuthentication,
                "ssl.truststore.location": authority.certificate, "quota.window.num": "2",
            ]
            let test = try TestBroker(
                settings: own.merging(settings) { $1 },
                listen: ["PLAINTEXT://127.0.0.1:0", "SSL://127.0.0.1:0"])
            try test.broker.createTopic("t")
            try test.broker.createTopic("u")
            return test
        }

        private func client(
            _ broker: TestBroker, _ certificate: TestAuthority.Leaf? = nil
        ) throws -> TestClient {
            var settings = TLSSettings()
            settings.authorities = .file(authority.certificate)
            settings.certificates = (certificate?.certificate).map(PEMSource.file)
            settings.key = (certificate?.key).map(PEMSource.file)
            return try TestClient(
                port: broker.state.listeners[1].endpoint.port,
                tls: try TLSContext.client(settings))
        }

        private static let authorizer = [
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:ANONYMOUS",
        ]

        /// Lets the plain listener's client, a super user, make a rule.
        private func allow(
            _ broker: TestBroker, _ principal: String, _ operation: Int8, topic: String
        ) throws {
            let made = try broker.client().ask(
                CreateAclsRequest {
                    $0.creations = [
                        .init {
                            $0.resourceType = 2
                            $0.resourceName = topic
                            $0.principal = principal
                            $0.host = "*"
                            $0.operation = operation
                            $0.permissionType = 3
                        }
                    ]
                })
            #expect(made.results.map(\.errorCode) == [.none])
        }

        private func write(_ client: TestClient, _ topic: String) throws -> [ErrorCode] {
            try client.ask(produce([(topic, 0, try batch(["a"]))]), version: 9).errors
        }

        @Test func aCertificateHasTheRightsOfItsSubject() throws {
            let broker = try broker(Self.authorizer)
            try allow(broker, "User:CN=alice,OU=soc,O=example", 4, topic: "t")
            let alice = try client(broker, alice)
            #expect(try write(alice, "t") == [.none])
            #expect(try write(alice, "u") == [.topicAuthorizationFailed])
            #expect(
                try alice.ask(fetch([("t", 0, 0)]), version: 12).partitions.map(\.errorCode)
                    == [.topicAuthorizationFailed])
            #expect(try write(client(broker, bob), "t") == [.topicAuthorizationFailed])
            // Who shows none is anonymous, and here everything.
            #expect(try write(client(broker), "u") == [.none])
            #expect(try write(broker.client(), "u") == [.none])
        }

        /// Where the broker does not ask for certificates nobody has a name.
        @Test func aCertificateThatWasNotAskedForNamesNobody() throws {
            let broker = try broker(Self.authorizer, clientAuthentication: "none")
            #expect(try write(client(broker, alice), "u") == [.none])
        }

        @Test func mappingRulesGiveTheName() throws {
            let rules = "RULE:^CN=(.*?),OU=soc,.*$/$1/U"
            let broker = try broker(
                Self.authorizer.merging(["ssl.principal.mapping.rules": rules]) { $1 })
            try allow(broker, "User:ALICE", 4, topic: "t")
            #expect(try write(client(broker, alice), "t") == [.none])
            #expect(try write(client(broker, bob), "t") == [.topicAuthorizationFailed])
            // Nobody knows who that is.
            let stranger = try authority.leaf("stranger")
            #expect(throws: (any Error).self) { try write(client(broker, stranger), "t") }
            #expect(try broker.state.metrics.requestsRefused.count == 1)
        }

        @Test func aQuotaOfAUserThrottlesItsCertificateAndNoOther() throws {
            let broker = try broker()
            let request = AlterClientQuotasRequest {
                $0.entries = [
                    .init {
                        $0.entity = [
                            .init {
                                $0.entityType = "user"
                                $0.entityName = "CN=alice,OU=soc,O=example"
                            }
                        ]
                        $0.ops = [
                            .init {
                                $0.key = "producer_byte_rate"
                                $0.value = 10_000
                            }
                        ]
                    }
                ]
            }
            #expect(try broker.client().ask(request).entries[0].errorCode == .none)
            let big = produce([("t", 0, try batch([String(repeating: "x", count: 25_000)]))])
            #expect(try client(broker, alice).ask(big, version: 9).throttleTimeMs > 0)
            #expect(try client(broker, bob).ask(big, version: 9).throttleTimeMs == 0)
            #expect(try client(broker).ask(big, version: 9).throttleTimeMs == 0)
        }
    }
#endif
