internal import VarvePlatform
internal import VarveWire

/// From a frame to its handler and back to bytes. Runs on the connection's loop.
enum Dispatch {
    /// What becomes of a request.
    enum Outcome {
        /// The bytes of its response, with their length.
        case answer([ByteSlice])
        /// The response comes through a `ResponseSlot`.
        case later
        /// No response.
        case silent
        /// The connection closes.
        case close(String)
    }

    /// Reads the request in `frame`, handles it and encodes what it answers.
    static func run(
        _ frame: ByteSlice, number: UInt64, connection: Connection, loop: EventLoop,
        broker: BrokerState
    ) -> Outcome {
        do throws(WireError) {
            let (header, body) = try RequestHeader.decode(frame)
            guard let api = header.api else {
                return .close("unknown API key \(header.apiKey)")
            }
            broker.metrics.request(api)
            guard AdvertisedVersions.serves(api, header.apiVersion) else {
                if api == .apiVersions {
                    return try ApiVersionsHandler.answerUnsupported(header)
                }
                return .close("\(api.name) version \(header.apiVersion) is not served")
            }
            let request = Request(
                frame: frame, body: body,
                context: RequestContext(
                    broker: broker, header: header, loop: loop, connectionID: connection.token,
                    peerHost: connection.peerHost, principal: connection.principal,
                    advertised: connection.advertised, number: number,
                    requestByteCount: frame.count),
                connection: connection)
            return try route(api, request)
        } catch {
            return .close("a request cannot be read: \(error)")
        }
    }

    private static func route(_ api: ApiKey, _ request: Request) throws(WireError) -> Outcome {
        switch api {
        case .produce: try request.serve(ProduceHandler.self)
        case .fetch: try request.serve(FetchHandler.self)
        case .listOffsets: try request.serve(ListOffsetsHandler.self)
        case .metadata: try request.serve(MetadataHandler.self)
        case .offsetCommit: try request.serve(OffsetCommitHandler.self)
        case .offsetFetch: try request.serve(OffsetFetchHandler.self)
        case .findCoordinator: try request.serve(FindCoordinatorHandler.self)
        case .joinGroup: try request.serve(JoinGroupHandler.self)
        case .heartbeat: try request.serve(HeartbeatHandler.self)
        case .leaveGroup: try request.serve(LeaveGroupHandler.self)
        case .syncGroup: try request.serve(SyncGroupHandler.self)
        case .describeGroups: try request.serve(DescribeGroupsHandler.self)
        case .listGroups: try request.serve(ListGroupsHandler.self)
        case .saslHandshake: try request.serve(SaslHandshakeHandler.self)
        case .apiVersions: try request.serve(ApiVersionsHandler.self)
        case .createTopics: try request.serve(CreateTopicsHandler.self)
        case .deleteTopics: try request.serve(DeleteTopicsHandler.self)
        case .deleteRecords: try request.serve(DeleteRecordsHandler.self)
        case .initProducerId: try request.serve(InitProducerIdHandler.self)
        case .offsetForLeaderEpoch: try request.serve(OffsetForLeaderEpochHandler.self)
        case .addPartitionsToTxn: try request.serve(AddPartitionsToTxnHandler.self)
        case .addOffsetsToTxn: try request.serve(AddOffsetsToTxnHandler.self)
        case .endTxn: try request.serve(EndTxnHandler.self)
        case .writeTxnMarkers: try request.serve(WriteTxnMarkersHandler.self)
        case .txnOffsetCommit: try request.serve(TxnOffsetCommitHandler.self)
        case .describeProducers: try request.serve(DescribeProducersHandler.self)
        case .describeTransactions: try request.serve(DescribeTransactionsHandler.self)
        case .listTransactions: try request.serve(ListTransactionsHandler.self)
        case .describeAcls: try request.serve(DescribeAclsHandler.self)
        case .createAcls: try request.serve(CreateAclsHandler.self)
        case .deleteAcls: try request.serve(DeleteAclsHandler.self)
        case .describeConfigs: try request.serve(DescribeConfigsHandler.self)
        case .alterConfigs: try request.serve(AlterConfigsHandler.self)
        case .alterReplicaLogDirs: try request.serve(AlterReplicaLogDirsHandler.self)
        case .describeLogDirs: try request.serve(DescribeLogDirsHandler.self)
        case .saslAuthenticate: try request.serve(SaslAuthenticateHandler.self)
        case .createPartitions: try request.serve(CreatePartitionsHandler.self)
        case .deleteGroups: try request.serve(DeleteGroupsHandler.self)
        case .electLeaders: try request.serve(ElectLeadersHandler.self)
        case .offsetDelete: try request.serve(OffsetDeleteHandler.self)
        case .describeClientQuotas: try request.serve(DescribeClientQuotasHandler.self)
        case .alterClientQuotas: try request.serve(AlterClientQuotasHandler.self)
        case .describeUserScramCredentials:
            try request.serve(DescribeUserScramCredentialsHandler.self)
        case .alterUserScramCredentials: try request.serve(AlterUserScramCredentialsHandler.self)
        case .describeQuorum: try request.serve(DescribeQuorumHandler.self)
        case .updateFeatures: try request.serve(UpdateFeaturesHandler.self)
        case .incrementalAlterConfigs: try request.serve(IncrementalAlterConfigsHandler.self)
        case .alterPartitionReassignments:
            try request.serve(AlterPartitionReassignmentsHandler.self)
        case .listPartitionReassignments: try request.serve(ListPartitionReassignmentsHandler.self)
        case .describeCluster: try request.serve(DescribeClusterHandler.self)
        case .consumerGroupHeartbeat: try request.serve(ConsumerGroupHeartbeatHandler.self)
        case .consumerGroupDescribe: try request.serve(ConsumerGroupDescribeHandler.self)
        case .listConfigResources: try request.serve(ListConfigResourcesHandler.self)
        case .describeTopicPartitions: try request.serve(DescribeTopicPartitionsHandler.self)
        }
    }

    /// A request whose header has been read.
    private struct Request {
        let frame: ByteSlice
        let body: Int
        let context: RequestContext
        let connection: Connection

        private var timesRequests: Bool { context.broker.quotas.isInForce(.requestTime) }

        /// Decodes the request for `handler`, lets it handle it, and encodes its answer.
        func serve<Handler: RequestHandler>(
            _ handler: Handler.Type
        ) throws(WireError) -> Outcome {
            let began = timesRequests ? SystemClock.monotonicNanoseconds() : 0
            let request = try decodeRequest(
                Handler.Request.self, header: context.header, frame: frame, at: body)
            let reply = Handler.handle(request, context: context)
            if timesRequests {
                let time = SystemClock.monotonicNanoseconds() - began
                context.charge(.requestTime, Double(time) / 1_000_000)
            }
            switch reply {
            case .now(let response):
                return .answer(
                    try encodeResponse(
                        connection.throttled(response), api: Handler.Request.api,
                        version: context.version,
                        correlationId: context.header.correlationId))
            case .later: return .later
            case .silent: return .silent
            case .close(let reason): return .close(reason)
            }
        }
    }
}
