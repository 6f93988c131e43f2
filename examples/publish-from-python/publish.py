import json, os, uuid
from datetime import datetime, timezone
import pika

connection = pika.BlockingConnection(pika.URLParameters(os.environ["AMQP_URL"]))
channel = connection.channel()
channel.confirm_delivery()

event = {
    "specversion": "1.0",
    "id": str(uuid.uuid4()),
    "source": "https://erp.example.org/warehouse",
    "type": "stock.delivered",
    "subject": "stock/item_1",
    "time": datetime.now(timezone.utc).isoformat(),
    "dataschema": "urn:flotilla:stock.delivered:1",
    "data": {"sku": "item_1", "quantity": 5},
}
channel.basic_publish(
    exchange=os.environ.get("FLOTILLA_PREFIX", "") + "events",
    routing_key=event["type"],
    body=json.dumps(event).encode(),
    properties=pika.BasicProperties(
        content_type="application/cloudevents+json",
        delivery_mode=2,
        message_id=event["id"],
        type=event["type"],
    ),
)  # raises an error if the broker does not confirm
print(event["id"])
connection.close()
