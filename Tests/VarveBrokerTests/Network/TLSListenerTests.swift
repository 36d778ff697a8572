#if VARVE_TLS
    import Foundation
    import Testing
    import VarveLog
    import VarvePlatform
    import VarveSimulation
    import VarveWire

    @testable import VarveBroker

    /// SSL listeners: what clients get through them, and what they cannot do to the broker (I8).
    struct TLSListenerTests {
        let authority: TestAuthority
        let server: TestAuthority.Leaf

        init() throws {
            authority = try TestAuthority()
            server = try authority.leaf("broker")
        }

        /// A broker with a plain listener and an SSL one, in this order.
        private func broker(
            _ settings: [String: String] = [:], advertised: String? = nil,
            limits: ConnectionLimits? = nil
        ) throws -> TestBroker {
            let both = "\(authority.directory)/store.pem"
            try (String(contentsOfFile: server.key, encoding: .utf8)
                + String(contentsOfFile: server.certificate, encoding: .utf8))
                .write(toFile: both, atomically: true, encoding: .utf8)
            return try TestBroker(
                settings: settings.merging(["ssl.keystore.location": both]) { old, _ in old },
                limits: limits, listen: ["PLAINTEXT://127.0.0.1:0", "SSL://127.0.0.1:0"],
                advertised: advertised)
        }

        private func client(
            _ broker: TestBroker, certificate: TestAuthority.Leaf? = nil
        ) throws -> TestClient {
            var settings = TLSSettings()
            settings.authorities = .file(authority.certificate)
            settings.certificates = (certificate?.certificate).map(PEMSource.file)
            settings.key = (certificate?.key).map(PEMSource.file)
            return try TestClient(
                port: securePort(broker), tls: try TLSContext.client(settings))
        }

        private func securePort(_ broker: TestBroker) throws -> Int {
            try broker.state.listeners[1].endpoint.port
        }

        @Test func clientsAreToldTheAddressOfTheListenerTheyCameBy() throws {
            let test = try broker()
            let port = try securePort(test)
            let clients = [(try test.client(), test.broker.port), (try client(test), port)]
            for (client, expected) in clients {
                let described = try client.ask(metadata(nil))
                #expect(described.brokers.map { Int($0.port) } == [expected])
                let cluster = try client.ask(DescribeClusterRequest())
                #expect(cluster.brokers.map { Int($0.port) } == [expected])
                var find = FindCoordinatorRequest()
                find.coordinatorKeys = ["g"]
                let found = try client.ask(find)
                #expect(found.coordinators.map { Int($0.port) } == [expected])
            }
            let told = try broker(advertised: "plain.example:1,SSL://secure.example:2")
            #expect(try told.client().ask(metadata(nil)).brokers[0].host == "plain.example")
            let secure = try client(told).ask(metadata(nil)).brokers[0]
            #expect(secure.host == "secure.example" && secure.port == 2)
        }

        @Test func pipelinedRequestsOfAllSizesComeBackInOrder() throws {
            let test = try broker()
            try test.broker.createTopic("t")
            let client = try client(test)
            // A TLS record holds 16 KiB; some requests share one, some take many.
            let sizes = [1, 10, 16_000, 100, 700_000, 3, 16_384, 40_000]
            var sent: [Int32] = []
            for round in 0..<40 {
                let value = String(repeating: "v", count: sizes[round % sizes.count])
                sent.append(
                    try client.send(produce([("t", 0, try batch([value]))]), version: 9))
            }
            var offsets: [Int64] = []
            for id in sent {
                let response = try client.answer(to: ProduceRequest.self, version: 9, id: id)
                offsets.append(response.outcomes[0].baseOffset)
            }
            #expect(offsets == Array(0..<40))
            // All of it in one answer, several times over, through the send queue.
            let plain = try test.client().ask(
                fetch([("t", 0, 0)], partitionMaxBytes: 20 << 20), version: 11)
            let ids = try (0..<5).map { _ in
                try client.send(fetch([("t", 0, 0)], partitionMaxBytes: 20 << 20), version: 11)
            }
            for id in ids {
                let response = try client.answer(to: FetchRequest.self, version: 11, id: id)
                #expect(
                    response.responses[0].partitions[0].records
                        == plain.responses[0].partitions[0].records)
            }
        }

        @Test func anUnfinishedHandshakeEndsInTimeAndGivesItsPlaceBack() throws {
            let test = try broker(limits: limits { $0.handshakeMilliseconds = 500 })
            let port = try securePort(test)
            let silent = try TestClient(port: port)
            let slow = try TestClient(port: port)
            try slow.send(ByteSlice([22]))
            // The loop looks once a second.
            #expect(slow.closes(within: 4000))
            #expect(silent.closes(within: 4000))
            // The place comes back behind the close that the client saw.
            for _ in 0..<200 where try test.state.handshakes.bytesUsed > 0 {
                Thread.sleep(forTimeInterval: 0.01)
            }
            #expect(try test.state.handshakes.bytesUsed == 0)
            let good = try client(test)
            _ = try good.ask(ApiVersionsRequest(), version: 0)
        }

        @Test func manyUnfinishedHandshakesKeepNobodyOut() throws {
            let test = try broker(["varve.ssl.handshakes.max": "6"])
            let port = try securePort(test)
            let established = try client(test)
            _ = try established.ask(ApiVersionsRequest(), version: 0)
            var slow: [TestClient] = []
            for _ in 0..<60 {
                let client = try TestClient(port: port)
                try? client.send(ByteSlice([22]))
                slow.append(client)
            }
            for _ in 0..<5 {
                let good = try client(test)
                _ = try good.ask(ApiVersionsRequest(), version: 0)
            }
            #expect(try test.state.handshakes.bytesUsed <= 6)
            #expect(try test.state.connectionCount.bytesUsed <= 6 + 6)
            _ = try established.ask(ApiVersionsRequest(), version: 0)
            #expect(slow.filter { $0.closes(within: 0) }.count >= 54)
        }

        @Test func whoSpeaksTheWrongProtocolIsClosedAndNobodyElse() throws {
            let test = try broker()
            let bystander = try client(test)
            _ = try bystander.ask(ApiVersionsRequest(), version: 0)
            let plain = try TestClient(port: try securePort(test))
            try plain.send(ApiVersionsRequest(), version: 0)
            #expect(plain.closes())
            let garbage = try TestClient(port: try securePort(test))
            try garbage.send(ByteSlice((0..<4000).map { UInt8(truncatingIfNeeded: $0 &* 37) }))
            #expect(garbage.closes())
            var settings = TLSSettings()
            settings.authorities = .file(authority.certificate)
            #expect(throws: TLSError.self) {
                try TestClient(port: test.broker.port, tls: try TLSContext.client(settings))
            }
            #expect(try test.state.metrics.handshakesFailed.count == 2)
            #expect(try test.state.metrics.requestsRefused.count == 1)
            _ = try bystander.ask(ApiVersionsRequest(), version: 0)
        }

        @Test func aRequiredCertificateIsRequired() throws {
            let test = try broker([
                "ssl.client.auth": "required", "ssl.truststore.location": authority.certificate,
            ])
            let known = try client(test, certificate: try authority.leaf("shipper"))
            _ = try known.ask(ApiVersionsRequest(), version: 0)
            // In TLS 1.3 the client learns it with its first answer.
            #expect(throws: (any Error).self) {
                try client(test).ask(ApiVersionsRequest(), version: 0)
            }
        }

        @Test func aClientThatReadsNothingIsClosedAndHoldsLittle() throws {
            let test = try broker(limits: limits { $0.stalledMilliseconds = 1000 })
            try test.broker.createTopic("t")
            let value = String(repeating: "x", count: 900_000)
            for _ in 0..<8 { _ = try test.broker.append(topic: "t", records: [.init(value)]) }
            let client = try client(test)
            for _ in 0..<300 {
                let request = try encodeRequest(
                    fetch([("t", 0, 0)], partitionMaxBytes: 10 << 20), version: 11,
                    correlationId: 1, clientId: "t")
                guard let count = try? client.sendSome(request, milliseconds: 100),
                    count == request.count
                else { break }
            }
            #expect(try test.state.responseMemory.bytesUsed < 64 << 20)
            let start = Date()
            while try test.state.metrics.connectionsTimedOut.count == 0,
                Date().timeIntervalSince(start) < 10
            {
                Thread.sleep(forTimeInterval: 0.05)
            }
            #expect(try test.state.metrics.connectionsTimedOut.count == 1)
        }

        @Test func aChangedCertificateCountsForNewConnections() throws {
            let test = try broker()
            let before = try client(test)
            #expect(before.session.contains("CN=broker"))
            let next = try authority.leaf("renewed")
            let store = "\(authority.directory)/store.pem"
            try "half".write(toFile: store, atomically: true, encoding: .utf8)
            let state = try test.state
            state.tls?.reload(now: 0, logger: state.logger)
            #expect(try client(test).session.contains("CN=broker"))
            try (String(contentsOfFile: next.key, encoding: .utf8)
                + String(contentsOfFile: next.certificate, encoding: .utf8))
                .write(toFile: store, atomically: true, encoding: .utf8)
            state.tls?.reload(now: 0, logger: state.logger)
            #expect(try client(test).session.contains("CN=renewed"))
            _ = try before.ask(ApiVersionsRequest(), version: 0)
        }

        @Test func secretsAreNeverShown() throws {
            let locked = try authority.leaf("locked", password: "sesame-7c1")
            let key = try String(contentsOfFile: locked.key, encoding: .utf8)
            let test = try TestBroker(
                settings: [
                    "ssl.keystore.certificate.chain":
                        try String(contentsOfFile: locked.certificate, encoding: .utf8),
                    "ssl.keystore.key": key, "ssl.key.password": "sesame-7c1",
                ], listen: ["SSL://127.0.0.1:0"])
            var resource = DescribeConfigsRequest.Resource()
            resource.resourceType = 4
            resource.resourceName = "\(try test.state.directory.nodeID)"
            var request = DescribeConfigsRequest()
            request.includeSynonyms = true
            request.resources = [resource]
            var settings = TLSSettings()
            settings.authorities = .file(authority.certificate)
            let client = try TestClient(
                port: test.broker.port, tls: try TLSContext.client(settings))
            let answer = try client.ask(request)
            let hidden = answer.results[0].configs.filter(\.isSensitive).map(\.name)
            #expect(hidden.contains("ssl.key.password") && hidden.contains("ssl.keystore.key"))
            let text = "\(answer)"
            #expect(!text.contains("sesame-7c1") && !text.contains("BEGIN"))
        }

        @Test func whatIsMissingOrWrongIsNamedBeforeAnythingRuns() throws {
            func problem(_ settings: [String: String]) -> String {
                do {
                    _ = try TestBroker(settings: settings, listen: ["SSL://127.0.0.1:0"])
                    return "none"
                } catch {
                    return "\(error)"
                }
            }
            #expect(problem([:]).contains("ssl.keystore.location"))
            #expect(problem(["ssl.keystore.location": "/nowhere.pem"]).contains("/nowhere.pem"))
            let own = ["ssl.keystore.location": server.certificate]
            #expect(problem(own).contains("no private key in it"))
            #expect(problem(["ssl.keystore.type": "JKS"]).contains("expected one of PEM"))
            let versions = own.merging(["ssl.enabled.protocols": "TLSv1.1"]) { $1 }
            #expect(problem(versions).contains("\"TLSv1.1\" is none of TLSv1.2, TLSv1.3"))
            let secret = own.merging(["ssl.key.password": "env:VARVE_NO_SUCH_NAME"]) { $1 }
            #expect(problem(secret).contains("no variable VARVE_NO_SUCH_NAME"))
        }
    }
#endif
