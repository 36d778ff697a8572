import Testing
internal import VarveMessages
internal import VarvePlatform
internal import VarveSimulation
internal import VarveWire

@Suite struct RoundTripTests {
    @Test func everyMessageComesBackEqualInEveryVersion() throws {
        var random = Generator("everyMessageComesBackEqualInEveryVersion")
        for entry in MessageCatalog.entries {
            for _ in 0..<20 {
                let sent = try entry.random(&random)
                let bytes = try entry.encode(sent)
                let (received, remaining) = try entry.decode(bytes)
                #expect(remaining == 0, "\(entry.name) v\(entry.version)")
                #expect(isEqual(sent, received), "\(entry.name) v\(entry.version)")
            }
        }
    }

    @Test func everyRequestAndItsResponseComeBackAsFrames() throws {
        var random = Generator("everyRequestAndItsResponseComeBackAsFrames")
        func check<Request: WireRequest>(_: Request.Type) throws {
            for version in Request.api.versions {
                var filler = RandomFiller(
                    version: version, isFlexible: Request.api.isFlexible(version), random: random)
                var request = Request()
                try request.code(&filler)
                var response = Request.Response()
                try response.code(&filler)
                random = filler.random

                let sent = try encodeRequest(
                    request, version: version, correlationId: 7, clientId: "tester")
                #expect(frameLength(sent) == sent.count - 4)
                let frame = sent[4..<sent.count]
                let (header, position) = try RequestHeader.decode(frame)
                #expect(header.api == Request.api)
                #expect(header.apiVersion == version)
                #expect(header.correlationId == 7)
                #expect(header.clientId == "tester")
                let received = try decodeRequest(
                    Request.self, header: header, frame: frame, at: position)
                #expect(received == request, "\(Request.self) v\(version)")

                let answered = joined(
                    try encodeResponse(
                        response, api: Request.api, version: version, correlationId: -5))
                #expect(frameLength(answered) == answered.count - 4)
                let back = try decodeResponse(
                    to: Request.self, version: version, frame: answered[4..<answered.count])
                #expect(back.correlationId == -5)
                #expect(back.response == response, "\(Request.Response.self) v\(version)")
            }
        }
        for request in MessageCatalog.requests { try check(request) }
    }

    @Test func aLargePayloadIsSentWithoutACopy() throws {
        let payload = ByteSlice(filling: 100_000) { $0.count }
        let response = FetchResponse {
            $0.responses = [
                FetchResponse.Topic {
                    $0.topic = "events"
                    $0.partitions = [
                        FetchResponse.Partition { $0.records = payload },
                        FetchResponse.Partition { $0.records = payload },
                    ]
                }
            ]
        }
        let pieces = try encodeResponse(response, api: .fetch, version: 12, correlationId: 1)
        let addresses = pieces.map { piece in piece.withUnsafeBytes { $0.baseAddress } }
        let own = payload.withUnsafeBytes { $0.baseAddress }
        #expect(addresses.filter { $0 == own }.count == 2)
        let frame = joined(pieces)
        let back = try decodeResponse(
            to: FetchRequest.self, version: 12, frame: frame[4..<frame.count])
        #expect(back.response == response)
    }

    @Test func decodedRecordsShareTheFramesMemory() throws {
        let request = ProduceRequest {
            $0.topicData = [
                ProduceRequest.Topic {
                    $0.name = "events"
                    $0.partitionData = [
                        ProduceRequest.Partition {
                            $0.records = ByteSlice(filling: 5_000) { $0.count }
                        }
                    ]
                }
            ]
        }
        let sent = try encodeRequest(request, version: 7, correlationId: 1, clientId: nil)
        let frame = sent[4..<sent.count]
        let (header, position) = try RequestHeader.decode(frame)
        let received = try decodeRequest(
            ProduceRequest.self, header: header, frame: frame, at: position)
        let records = try #require(received.topicData[0].partitionData[0].records)
        let isInside = frame.withUnsafeBytes { whole in
            records.withUnsafeBytes { part in
                part.baseAddress! >= whole.baseAddress!
                    && part.baseAddress! + part.count <= whole.baseAddress! + whole.count
            }
        }
        #expect(isInside)
    }

    private func isEqual(_ left: any WireMessage, _ right: any WireMessage) -> Bool {
        func open<Message: WireMessage>(_ left: Message) -> Bool { left == right as? Message }
        return open(left)
    }

    private func frameLength(_ bytes: ByteSlice) -> Int {
        (0..<4).reduce(0) { $0 << 8 | Int(bytes[$1]) }
    }
}

func joined(_ pieces: [ByteSlice]) -> ByteSlice { ByteSlice(pieces.flatMap { $0.array }) }
