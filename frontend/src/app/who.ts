/** Who is using the app, and what they may do. */
import { useQuery } from "@tanstack/react-query";
import { api, get, type Schemas } from "../api/client";

export type Role = Schemas["Person"]["role"];

const RANK: Record<Role, number> = { viewer: 0, annotator: 1, curator: 2, owner: 3 };

export const useMe = () =>
  useQuery({ queryKey: ["me"], queryFn: () => get(api.GET("/api/v1/me")), staleTime: Number.POSITIVE_INFINITY });

/** What a person is called. Before there are accounts, whoever uses this machine is the only one. */
export function useNames(): (person: string) => string {
  const me = useMe().data?.person.id;
  const people = useQuery({
    queryKey: ["people"],
    queryFn: () => get(api.GET("/api/v1/people")),
    staleTime: 60_000,
  }).data?.people;
  return (id) =>
    id === me ? "You" : (people?.find((person) => person.id === id)?.name ?? (id === "local" ? "Before accounts" : id));
}

/** Whether I may do what takes this role; false until it is known. */
export function useMay(role: Role): boolean {
  const mine = useMe().data?.person.role;
  return mine !== undefined && RANK[mine] >= RANK[role];
}
