internal import VarveLog
internal import VarvePlatform
internal import VarveWire

/// DescribeCluster (60): one broker, which is the controller too. Source: KIP-700.
enum DescribeClusterHandler: RequestHandler {
    typealias Request = DescribeClusterRequest

    static func handle(
        _ request: DescribeClusterRequest, context: RequestContext
    ) -> Reply<DescribeClusterResponse> {
        var response = DescribeClusterResponse()
        response.endpointType = request.endpointType
        // Type 2 asks for KRaft controllers (KIP-919), which have listeners of their own.
        guard request.endpointType == 1 else {
            response.errorCode =
                request.endpointType == 2 ? .mismatchedEndpointType : .unsupportedEndpointType
            return .now(response)
        }
        response.clusterId = context.broker.directory.clusterID
        response.controllerId = context.broker.directory.nodeID
        var node = DescribeClusterResponse.Broker()
        node.brokerId = context.broker.directory.nodeID
        node.host = context.advertised.host
        node.port = Int32(context.advertised.port)
        response.brokers = [node]
        if request.includeClusterAuthorizedOperations {
            response.clusterAuthorizedOperations = context.authorizedClusterOperations
        }
        return .now(response)
    }
}
