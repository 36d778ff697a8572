internal import VarveWire

/// What the three requests about access rules are told, as a Kafka without an authorizer does.
private enum NoAuthorizer {
    static let code = ErrorCode.securityDisabled
    static let reason = "no authorizer is configured: this broker lets everybody do everything"
}

/// DescribeAcls (29): refused. Source: KIP-133.
enum DescribeAclsHandler: RequestHandler {
    typealias Request = DescribeAclsRequest

    static func handle(
        _ request: DescribeAclsRequest, context: RequestContext
    ) -> Reply<DescribeAclsResponse> {
        .now(
            DescribeAclsResponse {
                $0.errorCode = NoAuthorizer.code
                $0.errorMessage = NoAuthorizer.reason
            })
    }
}

/// CreateAcls (30): refused, rule by rule. Source: KIP-133.
enum CreateAclsHandler: RequestHandler {
    typealias Request = CreateAclsRequest

    static func handle(
        _ request: CreateAclsRequest, context: RequestContext
    ) -> Reply<CreateAclsResponse> {
        var response = CreateAclsResponse()
        response.results = request.creations.map { _ in
            CreateAclsResponse.Result {
                $0.errorCode = NoAuthorizer.code
                $0.errorMessage = NoAuthorizer.reason
            }
        }
        return .now(response)
    }
}

/// DeleteAcls (31): refused, filter by filter. Source: KIP-133.
enum DeleteAclsHandler: RequestHandler {
    typealias Request = DeleteAclsRequest

    static func handle(
        _ request: DeleteAclsRequest, context: RequestContext
    ) -> Reply<DeleteAclsResponse> {
        var response = DeleteAclsResponse()
        response.filterResults = request.filters.map { _ in
            DeleteAclsResponse.FilterResult {
                $0.errorCode = NoAuthorizer.code
                $0.errorMessage = NoAuthorizer.reason
            }
        }
        return .now(response)
    }
}
