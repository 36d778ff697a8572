internal import VarveWire

/// DescribeUserScramCredentials (50): nobody has any, until listeners authenticate.
/// Source: KIP-554.
enum DescribeUserScramCredentialsHandler: RequestHandler {
    typealias Request = DescribeUserScramCredentialsRequest

    static func handle(
        _ request: DescribeUserScramCredentialsRequest, context: RequestContext
    ) -> Reply<DescribeUserScramCredentialsResponse> {
        if let error = context.refusal(.describe, .cluster) {
            return .now(DescribeUserScramCredentialsResponse { $0.errorCode = error })
        }
        var response = DescribeUserScramCredentialsResponse()
        response.results = (request.users ?? []).map { user in
            DescribeUserScramCredentialsResponse.Result {
                $0.user = user.name
                $0.errorCode = .resourceNotFound
                $0.errorMessage = "user \(user.name) has no SCRAM credentials"
            }
        }
        return .now(response)
    }
}

/// AlterUserScramCredentials (51): refused for each user. Source: KIP-554.
enum AlterUserScramCredentialsHandler: RequestHandler {
    typealias Request = AlterUserScramCredentialsRequest

    static func handle(
        _ request: AlterUserScramCredentialsRequest, context: RequestContext
    ) -> Reply<AlterUserScramCredentialsResponse> {
        let refusal = context.refusal(.alter, .cluster)
        var response = AlterUserScramCredentialsResponse()
        // One result for each user, however often the request names one.
        var seen: Set<String> = []
        for deletion in request.deletions where seen.insert(deletion.name).inserted {
            response.results.append(
                .init {
                    $0.user = deletion.name
                    $0.errorCode = refusal ?? .resourceNotFound
                    $0.errorMessage =
                        refusal == nil ? "user \(deletion.name) has no SCRAM credentials" : nil
                })
        }
        for upsertion in request.upsertions where seen.insert(upsertion.name).inserted {
            response.results.append(
                .init {
                    $0.user = upsertion.name
                    $0.errorCode = refusal ?? .unsupportedSaslMechanism
                    $0.errorMessage =
                        refusal == nil
                        ? "this broker does not authenticate by SASL: no credentials are kept" : nil
                })
        }
        return .now(response)
    }
}
