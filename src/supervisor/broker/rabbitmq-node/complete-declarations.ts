/** Completes, in a node without a cluster, declarations that the end of the node interrupted. RabbitMQ leaves them as they are:
 *  - a quorum queue whose first leader was not elected yet. Its only member waits for an election, and never starts one;
 *  - the coordinator of streams, if the node ended within some seconds after its first stream was declared. Its log is
 *    on disk, but its name was only in memory.
 *  An Erlang expression for `rabbitmqctl eval`. Prints `{queues,coordinators}`: how many of both were started. Streams are
 *  usable after RabbitMQ has been restarted with their coordinator. */
const COMPLETE_DECLARATIONS = `
Members = case erlang:function_exported(rabbit_nodes, list_members, 0) of
  true -> rabbit_nodes:list_members();
  false -> rabbit_nodes:all()
end,
Coordinator = rabbit_stream_coordinator,
Elect = fun(Name) -> ok =:= ra:trigger_election({Name, node()}) end,
IsOfCoordinator = fun(Config) ->
  case file:consult(Config) of
    {ok, [#{cluster_name := Coordinator}]} -> true;
    _ -> false
  end
end,
Start = fun(Config) ->
  Uid = list_to_binary(filename:basename(filename:dirname(Config))),
  ra_directory:register_name(coordination, Uid, undefined, undefined, Coordinator, Coordinator),
  ok =:= ra:restart_server(coordination, {Coordinator, node()})
end,
case Members of
  [Member] when Member =:= node() ->
    Queues = [Name || {Name, _} <- ra_directory:list_registered(quorum_queues),
      whereis(Name) =/= undefined, ra_leaderboard:lookup_leader(Name) =:= undefined, Elect(Name)],
    Configs = case whereis(Coordinator) of
      undefined -> filelib:wildcard(filename:join([maps:get(data_dir, ra_system:fetch(coordination)), "*", "config"]));
      _ -> []
    end,
    {length(Queues), length([Config || Config <- Configs, IsOfCoordinator(Config), Start(Config)])};
  _ ->
    {0, 0}
end.
`;

/** Completes them by `rabbitmqctl`. Resolves with the number of queues, streams counted as one. */
export async function completeDeclarations(rabbitmqctl: (...args: string[]) => Promise<string>): Promise<number> {
  const printed = await rabbitmqctl('-q', 'eval', COMPLETE_DECLARATIONS);
  const [, queues, coordinators] = /^\{(\d+),(\d+)\}/.exec(printed.trim()) ?? [];
  if (coordinators === undefined) throw new Error(`rabbitmqctl printed ${printed.trim().slice(0, 200)}`);
  if (coordinators !== '0') {
    await rabbitmqctl('stop_app');
    await rabbitmqctl('start_app');
  }
  return Number(queues) + Number(coordinators);
}
