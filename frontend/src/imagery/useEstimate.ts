/** What an order would take, asked again a moment after it was last changed. */
import { useDebouncedValue } from "@mantine/hooks";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import type { Schemas } from "../api/client";
import { send } from "../app/ask";
import { type Order, parametersOf } from "./order";

export type Outlook = Schemas["Outlook"];

export function useEstimate(order: Order) {
  const text = JSON.stringify(parametersOf(order));
  const [settled] = useDebouncedValue(text, 400);
  const query = useQuery({
    queryKey: ["estimate", settled],
    queryFn: ({ signal }) => send<Outlook>("POST", "api/v1/imagery/estimate", JSON.parse(settled), signal),
    enabled: settled !== "null",
    placeholderData: keepPreviousData,
    staleTime: 60_000,
    retry: false,
  });
  return {
    outlook: settled === "null" || query.isError ? null : (query.data ?? null),
    error: settled === "null" ? null : query.error,
    counting: text !== "null" && (text !== settled || query.isFetching),
  };
}
