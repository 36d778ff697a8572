import Testing
internal import VarveMessages
internal import VarvePlatform
internal import VarveRecords
internal import VarveWire

/// Frames recorded from clients that people use.
@Suite struct CapturedFramesTests {
    struct Frame {
        var client: String
        var isRequest: Bool
        var api: ApiKey
        var version: Int16
        var bytes: ByteSlice
        var label: String { "\(client) \(isRequest ? "request" : "response") \(api) v\(version)" }
    }

    static let frames: [Frame] = {
        (try? Fixture.lines("captured.txt").map { line in
            let parts = line.split(separator: " ")
            return Frame(
                client: String(parts[0]), isRequest: parts[1] == "request",
                api: ApiKey(rawValue: Int16(parts[2])!)!, version: Int16(parts[3])!,
                bytes: ByteSlice(hex: parts[4])!)
        }) ?? []
    }()

    private static let groupClients = [
        ("kcat", "t-kcat"), ("confluent-kafka", "t-confluent"), ("aiokafka", "t-aio"),
        ("kafka-python", "t-kp"),
    ]

    private static func frame(_ client: String, _ isRequest: Bool, _ api: ApiKey) throws -> Frame {
        try #require(
            frames.last { $0.client == client && $0.isRequest == isRequest && $0.api == api })
    }

    private static func request<Request: WireRequest>(
        _ type: Request.Type, of client: String
    ) throws -> Request {
        let frame = try frame(client, true, Request.api)
        let (header, position) = try RequestHeader.decode(frame.bytes)
        return try decodeRequest(type, header: header, frame: frame.bytes, at: position)
    }

    private static func response<Request: WireRequest>(
        to type: Request.Type, of client: String
    ) throws -> Request.Response {
        let frame = try frame(client, false, Request.api)
        return try decodeResponse(to: type, version: frame.version, frame: frame.bytes).response
    }

    @Test func theFixtureHasEveryClient() {
        #expect(Set(Self.frames.map(\.client)).count == 4)
        #expect(Self.frames.count > 100)
    }

    @Test func everyFrameReadsWholeAndWritesBackTheSame() throws {
        func check<Request: WireRequest>(_: Request.Type, _ frame: Frame) throws {
            if frame.isRequest {
                let (header, position) = try RequestHeader.decode(frame.bytes)
                #expect(header.api == frame.api && header.apiVersion == frame.version)
                let request = try decodeRequest(
                    Request.self, header: header, frame: frame.bytes, at: position)
                let again = try encodeRequest(
                    request, version: frame.version, correlationId: header.correlationId,
                    clientId: header.clientId)
                #expect(again[4..<again.count] == frame.bytes, "\(frame.label)")
            } else {
                let answer = try decodeResponse(
                    to: Request.self, version: frame.version, frame: frame.bytes)
                let again = joined(
                    try encodeResponse(
                        answer.response, api: frame.api, version: frame.version,
                        correlationId: answer.correlationId))
                #expect(again[4..<again.count] == frame.bytes, "\(frame.label)")
            }
        }
        for frame in Self.frames {
            let request = try #require(MessageCatalog.requests.first { $0.api == frame.api })
            try check(request, frame)
        }
    }

    @Test(arguments: ["kcat", "confluent-kafka", "aiokafka", "kafka-python"])
    func producedBatchesAreWholeAndVerify(client: String) throws {
        let request = try Self.request(ProduceRequest.self, of: client)
        #expect(request.topicData.count == 1)
        let records = try #require(request.topicData[0].partitionData[0].records)
        let header = try records.withUnsafeBytes { bytes throws(RecordError) in
            try RecordBatchHeader.verified(bytes)
        }
        #expect(header.totalByteCount == records.count)
        #expect(header.recordCount >= 1)
    }

    @Test(arguments: groupClients)
    func joinedMembersSayTheirTopics(client: String, topic: String) throws {
        let request = try Self.request(JoinGroupRequest.self, of: client)
        #expect(request.protocolType == "consumer")
        #expect(!request.protocols.isEmpty)
        for assignor in request.protocols {
            let subscription = try ConsumerSubscription.decode(assignor.metadata)
            #expect(subscription.topics == [topic])
            #expect(subscription.ownedPartitions.isEmpty)
        }
    }

    @Test(arguments: groupClients)
    func leadersAssignPartitions(client: String, topic: String) throws {
        let request = try Self.request(SyncGroupRequest.self, of: client)
        let assignment = try ConsumerAssignment.decode(
            try #require(request.assignments.first).assignment)
        #expect(assignment.assignedPartitions.map(\.topic) == [topic])
        #expect(assignment.assignedPartitions[0].partitions.isEmpty == false)
        if client == "kafka-python" { return }  // recorded without the answers
        let response = try Self.response(to: SyncGroupRequest.self, of: client)
        #expect(try ConsumerAssignment.decode(response.assignment) == assignment)
    }

    @Test func clientsAskWhatTheirVersionsAsk() throws {
        let versions = try Self.request(ApiVersionsRequest.self, of: "kafka-python")
        #expect(versions.clientSoftwareName == "kafka-python")
        let fetch = try Self.request(FetchRequest.self, of: "confluent-kafka")
        #expect(fetch.isolationLevel == 1)
        #expect(fetch.topics[0].topic == "" && fetch.topics[0].topicId != .zero)
        let kcat = try Self.request(FetchRequest.self, of: "kcat")
        #expect(kcat.topics[0].topic == "t-kcat")
        #expect(kcat.isolationLevel == 1)
        let idempotent = try Self.request(InitProducerIdRequest.self, of: "confluent-kafka")
        #expect(idempotent.transactionalId == nil)
        #expect(idempotent.producerId == -1)
    }

    @Test func fetchedBatchesComeOutWhole() throws {
        for client in ["confluent-kafka", "aiokafka"] {
            let response = try Self.response(to: FetchRequest.self, of: client)
            let partitions = response.responses.flatMap(\.partitions)
            let batches = partitions.compactMap(\.records).flatMap { RecordBatch.batches(in: $0) }
            #expect(!batches.isEmpty, "\(client)")
        }
    }
}
